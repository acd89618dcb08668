"""An iteration of StarGAN v2 in PyTorch, on noise: D with styles from noise, D with styles from images, G, F and E
with styles from noise, G with styles from images, and the moving averages of G, F and E.

Networks and losses are those that the fixtures are made with. Nothing is differentiated that no update needs.
"""

import copy
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests" / "fixtures"))

import stargan_v2 as v2

LEARNING_RATES = {"g": 1e-4, "f": 1e-6, "e": 1e-4, "d": 1e-4}
AVERAGED = "gfe"
DECAY = 0.999


class Styles:
    def __init__(self, size, base, most, batch):
        torch.manual_seed(0)
        self.config = v2.Config(
            image_size=size,
            base_channels=base,
            most_channels=most,
            style_width=64,
            latent_width=16,
            mapping_width=512,
            domains=2,
        )
        self.size = batch
        self.networks = v2.networks(self.config)
        self.averages = {
            name: copy.deepcopy(getattr(self.networks, name)).requires_grad_(False) for name in AVERAGED
        }
        self.optimizers = {
            name: torch.optim.Adam(
                network.parameters(), lr=LEARNING_RATES[name], betas=(0.0, 0.99), weight_decay=1e-4
            )
            for name, network in vars(self.networks).items()
        }

    def batch(self):
        side = self.config.image_size

        def images():
            return 2 * torch.rand(self.size, 3, side, side) - 1

        def latents():
            return torch.randn(self.size, self.config.latent_width)

        source, target = torch.randint(self.config.domains, (2, self.size))
        return v2.Batch(images(), source, target, [latents(), latents()], [images(), images()])

    def update(self, names, terms, batch, kind):
        """One step of these networks, the others constant."""
        for name, network in vars(self.networks).items():
            network.requires_grad_(name in names)
        losses = terms(self.networks, batch, kind, v2.Weights(diversity=2.0))
        for name in names:
            self.optimizers[name].zero_grad()
        losses["total"].backward()
        for name in names:
            self.optimizers[name].step()
        return [value.item() for value in losses.values()]

    def average(self):
        with torch.no_grad():
            for name, averages in self.averages.items():
                current = getattr(self.networks, name).parameters()
                for average, parameter in zip(averages.parameters(), current):
                    average.lerp_(parameter, 1 - DECAY)

    def iteration(self):
        """Milliseconds of all four updates."""
        batch = self.batch()
        began = time.perf_counter()
        self.update("d", v2.d_terms, batch, "latent")
        self.update("d", v2.d_terms, batch, "reference")
        self.update("gfe", v2.g_terms, batch, "latent")
        self.update("g", v2.g_terms, batch, "reference")
        self.average()
        return (time.perf_counter() - began) * 1e3
