"""How an inference and an iteration of this crate grow with batch, image size and channels, beside the work they are.

    python benches/peer/growth.py [--backend ndarray]

The work is that of the convolutions done plainly, in multiplications and additions; Winograd's filtering does
fewer, so that a rate can exceed what the machine's products reach.
"""

import argparse
import statistics

from programs import Program, build, quantities

BASE = dict(size=64, base=32, blocks=6, batch=8)
CHANGES = [dict(batch=n) for n in (1, 2, 4, 8, 16)] + [dict(size=n) for n in (32, 64, 128)] + [dict(base=n) for n in (16, 32, 64)]
LABELS, CRITIC_STEPS = 5, 5


def generator_flops(size, base, blocks, batch):
    area = size * size
    products = 49 * (3 + LABELS) * base * area + 49 * 3 * base * area
    for level in (1, 2):  # down and up again
        products += 2 * 16 * (base << (level - 1)) * (base << level) * (area >> (2 * level))
    products += 2 * blocks * 9 * (4 * base) ** 2 * (area >> 4)
    return 2 * batch * products


def discriminator_flops(size, base, batch):
    products, channels, area = 0, 3, size * size
    for level in range(size.bit_length() - 2):
        area >>= 2
        products += 16 * channels * (base << level) * area
        channels = base << level
    products += 9 * channels * area + LABELS * channels * area
    return 2 * batch * products


def iteration_flops(size, base, blocks, batch):
    """Of an average iteration: a D step, and a fifth of a G step that has its translations already."""
    g, d = generator_flops(size, base, blocks, batch), discriminator_flops(size, base, batch)
    # Two images forward and back; the slopes, the chain, and both of its gradients.
    d_step = g + 2 * 3 * d + 4 * d
    # Twice through G, forward and back; once through D, without its weights' gradients.
    g_step = 2 * 3 * g + 2 * d - g
    return d_step + g_step / CRITIC_STEPS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="flex")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    program = Program([build(""), arguments.backend])
    print("| size | base | batch | inference | GFLOP | GFLOP/s | iteration | GFLOP | GFLOP/s |\n" + "|---" * 9 + "|")
    for change in CHANGES:
        shape = {**BASE, **change}
        found = {}
        for round in range(arguments.rounds + 1):
            for work in ("inference", "cycle"):
                for name, time in quantities(work, program.ask(do=work, **shape)).items():
                    if round:
                        found.setdefault(name, []).append(time)
        cells = [shape["size"], shape["base"], shape["batch"]]
        for name, flops in (("inference", generator_flops(**shape)), ("iteration", iteration_flops(**shape))):
            time = statistics.median(found[name])
            cells += [f"{time:.4g} ms", f"{flops / 1e9:.3g}", f"{flops / time / 1e6:.0f}"]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    program.close()


if __name__ == "__main__":
    main()
