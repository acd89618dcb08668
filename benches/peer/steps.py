"""PyTorch's side of the comparison: answers the requests that main.rs describes, for the public networks
(arXiv:1711.09020, Tables 4 and 5) and the public training step; eager and in float32 unless told otherwise.

    python benches/peer/steps.py [--device cpu|cuda] [--tf32] [--channels-last] [--compile] [--autocast bf16]

On CUDA, cuDNN picks its kernels by trying them, as the public code lets it. `device_memory` is what PyTorch's tensors
take at most in five iterations, in bytes.
"""

import argparse
import contextlib
import json
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

LABELS = 5
CRITIC_STEPS = 5


def norm(channels):
    return nn.InstanceNorm2d(channels, affine=True)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        layers = []
        for last in (False, True):
            layers += [nn.Conv2d(channels, channels, 3, 1, 1, bias=False), norm(channels)]
            layers += [] if last else [nn.ReLU(inplace=True)]
        self.main = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.main(x)


class Generator(nn.Module):
    def __init__(self, base, blocks):
        super().__init__()
        relu = lambda: nn.ReLU(inplace=True)
        layers = [nn.Conv2d(3 + LABELS, base, 7, 1, 3, bias=False), norm(base), relu()]
        for width in (base, 2 * base):
            layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), norm(2 * width), relu()]
        layers += [Residual(4 * base) for _ in range(blocks)]
        for width in (4 * base, 2 * base):
            layers += [nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False), norm(width // 2), relu()]
        layers += [nn.Conv2d(base, 3, 7, 1, 3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, images, labels):
        planes = labels[:, :, None, None].expand(-1, -1, *images.shape[2:])
        return self.main(torch.cat([images, planes], dim=1))


class Discriminator(nn.Module):
    def __init__(self, size, base):
        super().__init__()
        downsamplings = size.bit_length() - 2
        layers, channels, width = [], 3, base
        for _ in range(downsamplings):
            layers += [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.01)]
            channels, width = width, 2 * width
        self.main = nn.Sequential(*layers)
        self.conv1 = nn.Conv2d(channels, 1, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, LABELS, size >> downsamplings, bias=False)

    def forward(self, images):
        features = self.main(images)
        return self.conv1(features), self.conv2(features).flatten(1)


def gradient_penalty(d, real, fake, alpha):
    mixed = (alpha * real + (1 - alpha) * fake).requires_grad_()
    realness, _ = d(mixed)
    (gradient,) = torch.autograd.grad(realness, mixed, torch.ones_like(realness), create_graph=True)
    norms = gradient.flatten(1).square().sum(1).add(1e-12).sqrt()
    return (norms - 1).square().mean()


def domain_loss(logits, labels):
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum") / len(labels)


class Networks:
    """Both networks of one shape with their optimizers, and a batch."""

    def __init__(self, size, base, blocks, batch, settings):
        self.given = (size, base, blocks, batch, settings)
        torch.manual_seed(0)
        device, form = settings.device, torch.channels_last if settings.channels_last else torch.contiguous_format
        self.g = Generator(base, blocks).to(device, memory_format=form)
        self.d = Discriminator(size, base).to(device, memory_format=form)
        # The penalty differentiates twice, which compiled modules refuse: it takes D as it is.
        self.faster = [torch.compile(module) if settings.compile else module for module in (self.g, self.d)]
        adam = lambda module: torch.optim.Adam(module.parameters(), lr=1e-4, betas=(0.5, 0.999))
        self.g_adam, self.d_adam = adam(self.g), adam(self.d)
        self.real = (2 * torch.rand(batch, 3, size, size) - 1).to(device, memory_format=form)
        source = [[float((i + j) % 3 == 0) for j in range(LABELS)] for i in range(batch)]
        self.source = torch.tensor(source).to(device)
        self.target = self.source.flip(0)
        self.device, self.bfloat16 = device, settings.autocast == "bf16"

    def precision(self):
        """What forward passes and losses run in."""
        return torch.autocast(self.device, torch.bfloat16) if self.bfloat16 else contextlib.nullcontext()

    def inference(self):
        g, _ = self.faster
        with torch.no_grad(), self.precision():
            return [self.timed(lambda: g(self.real, self.target).cpu())]

    def output(self, file):
        g, _ = self.faster
        with torch.no_grad(), self.precision():
            output = g(self.real, self.target)
        with open(file, "wb") as stream:
            # Not by way of NumPy, which PyTorch does without.
            stream.write(bytes(output.float().cpu().contiguous().flatten().view(torch.uint8).tolist()))

    def discriminator_step(self):
        g, d = self.faster
        with self.precision():
            with torch.no_grad():
                fake = g(self.real, self.target)
            realness, logits = d(self.real)
            fake_realness, _ = d(fake)
            alpha = torch.rand(len(self.real), 1, 1, 1, device=self.device)
            terms = [-realness.mean(), fake_realness.mean(), domain_loss(logits, self.source)]
            terms.append(10 * gradient_penalty(self.d, self.real, fake, alpha))
        self.d_adam.zero_grad()
        sum(terms).backward()
        self.d_adam.step()
        return [term.item() for term in terms]

    def generator_step(self):
        g, d = self.faster
        for parameter in self.d.parameters():
            parameter.requires_grad_(False)
        with self.precision():
            fake = g(self.real, self.target)
            realness, logits = d(fake)
            reconstructed = g(fake, self.source)
            terms = [-realness.mean(), domain_loss(logits, self.target), 10 * (self.real - reconstructed).abs().mean()]
        self.g_adam.zero_grad()
        sum(terms).backward()
        self.g_adam.step()
        for parameter in self.d.parameters():
            parameter.requires_grad_(True)
        return [term.item() for term in terms]

    def cycle(self):
        def iteration(number):
            self.discriminator_step()
            if number % CRITIC_STEPS == 0:
                self.generator_step()

        return [self.timed(lambda: iteration(number)) for number in range(1, CRITIC_STEPS + 1)]

    def penalty(self):
        def work():
            alpha = torch.full((len(self.real), 1, 1, 1), 0.5, device=self.device)
            with self.precision():
                penalty = gradient_penalty(self.d, self.real, self.real.flip(3), alpha)
            penalty.backward()
            self.d.zero_grad()
            penalty.item()

        return [self.timed(work)]

    def device_memory(self):
        if self.device != "cuda":
            return None
        torch.cuda.reset_peak_memory_stats()
        self.cycle()
        return torch.cuda.max_memory_allocated()

    def rounding(self):
        """How far TF32 takes the gradients of one iteration from float32's: of each tensor's largest value, the
        worst of either network, and whose that is."""
        found = []
        for tf32 in (False, True):
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
            networks = Networks(*self.given)
            networks.discriminator_step()
            gradients = {"discriminator": gradients_of(networks.d)}
            networks.generator_step()
            found.append(gradients | {"generator": gradients_of(networks.g)})
        exact, rounded = found
        return {
            network: max(
                (float((rounded[network][name] - value).abs().max() / value.abs().max()), name)
                for name, value in exact[network].items()
                # What norms take out again has no gradient but rounding.
                if float(value.abs().max()) > 1e-9
            )
            for network in exact
        }

    def timed(self, work):
        if self.device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        if self.device == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - began) * 1e3


def gradients_of(network):
    return {name: parameter.grad.detach().clone() for name, parameter in network.named_parameters()}


def data(folder):
    """Every image: read, decoded, cropped, resized and normalised, as the public code does it."""
    from PIL import Image
    from torchvision import transforms

    steps = [transforms.CenterCrop(178), transforms.Resize(128), transforms.ToTensor()]
    transform = transforms.Compose([*steps, transforms.Normalize([0.5] * 3, [0.5] * 3)])
    files = sorted(os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)
    times = []
    for file in files:
        began = time.perf_counter()
        transform(Image.open(file).convert("RGB"))
        times.append((time.perf_counter() - began) * 1e3)
    return times


def peak_memory():
    with open("/proc/self/status") as status:
        return [1024.0 * int(line.split()[1]) for line in status if line.startswith("VmHWM:")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true", help="both networks, except in the penalty")
    parser.add_argument("--autocast", choices=["bf16"])
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = arguments.tf32
    torch.backends.cudnn.benchmark = True
    if "RAYON_NUM_THREADS" in os.environ:
        torch.set_num_threads(int(os.environ["RAYON_NUM_THREADS"]))
    kept, networks = None, None
    for line in sys.stdin:
        request = json.loads(line)
        work = request.pop("do")
        if work == "data":
            answer = data(request["folder"])
        elif work == "memory":
            answer = peak_memory()
        elif work == "styles":
            if request != kept:
                # The networks are those of the fixtures, and nobody else needs them.
                from styles import Styles

                kept, networks = request, Styles(**request)
            answer = [networks.iteration()]
        elif work == "backend":
            on_gpu = arguments.device == "cuda"
            name = torch.cuda.get_device_name() if on_gpu else f"{torch.get_num_threads()} CPU threads"
            answer = f"PyTorch {torch.__version__} on {name}"
        else:
            options = {name: request.pop(name) for name in ("file",) if name in request}
            if request != kept:
                networks = None
                kept, networks = request, Networks(**request, settings=arguments)
            answer = getattr(networks, work)(**options)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
