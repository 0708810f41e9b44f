"""Which learning rate suits which remedy? The rates of ``experiments.REMEDIES`` come from here.

Each remedy is trained with each rate from each of the five starts, with seeds that no notebook
uses. The rate with the least loss on average counts; guessing is the worst that can be (an
overflow too).
"""

import math

from initlab import Adam, load_mnist, sweep
from initlab.experiments import remedies

RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
SEEDS = (100, 101)


def main():
    """Print a line for each remedy, the best rate marked."""
    mnist = load_mnist()
    for name, remedy in remedies.REMEDIES.items():
        rates = [rate / 30 for rate in RATES] if remedy.optimizer is Adam else RATES
        table = sweep(
            {
                "network": {name: remedy.network},
                "learning_rate": rates,
                "initializer": remedies.FIVE_STARTS,
                "seed": SEEDS,
                "depth": remedies.DEPTH,
                "width": remedies.WIDTH,
            },
            mnist,
            steps=remedies.STEPS,
            batch_size=remedies.BATCH_SIZE,
            optimizer=remedy.optimizer,
            eval_size=1000,
            progress=False,
        )
        losses = table["final_loss"].fillna(math.inf).clip(upper=math.log(10))
        means = losses.to_numpy().reshape(len(rates), -1).mean(axis=1)
        shown = "   ".join(
            f"{rate:.3g}: {mean:.2f}{'*' if mean == means.min() else ' '}"
            for rate, mean in zip(rates, means, strict=True)
        )
        print(f"{name:16} {shown}", flush=True)


if __name__ == "__main__":
    main()
