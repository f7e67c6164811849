"""Mutants of the optimizers' Python side: schedules, accumulated gradients, averages, what decays."""

from .mutant import Mutant

OPTIMIZERS = "src/seqfuse/optimizers"
OPTIMIZER_TESTS = "tests/optimizers/test_optimizer.py"
SCHEDULE_TESTS = "tests/optimizers/test_schedules.py"

MUTANTS = [
    Mutant(
        "optimizer: rules count updates from 0",
        f"{OPTIMIZERS}/optimizer.py",
        "average, done + 1, self.learning_rate",
        "average, done + 2, self.learning_rate",
        ("tests/optimizers/test_optimizer_rules.py",),
        killed_before=True,
    ),
    Mutant(
        "gradient accumulation: sums go on after an update",
        f"{OPTIMIZERS}/optimizer.py",
        "self._accumulator if done % steps else 0.0",
        "self._accumulator",
        (OPTIMIZER_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "gradient accumulation: the sum is not divided by the steps",
        f"{OPTIMIZERS}/optimizer.py",
        " / (self.gradient_accumulation_steps or 1)",
        " / 1",
        (OPTIMIZER_TESTS,),
        killed_before=False,
    ),
    Mutant(
        "average of parameters: it begins with 0",
        f"{OPTIMIZERS}/optimizer.py",
        "momentum = 0.0  # the average starts at the first parameters",
        "momentum = self.ema_momentum",
        (OPTIMIZER_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "weight decay: excluded weights decay",
        f"{OPTIMIZERS}/optimizer.py",
        "int(bool(self.weight_decay) and name not in excluded)",
        "int(bool(self.weight_decay))",
        (OPTIMIZER_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "clipnorm: parameters that are treated alike share one norm",
        f"{OPTIMIZERS}/optimizer.py",
        'and self._limit != "norm":',
        "and True:",
        (OPTIMIZER_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "piecewise schedule: the value changes one step early",
        f"{OPTIMIZERS}/schedules.py",
        "sum(step > boundary for boundary in self.boundaries)",
        "sum(step >= boundary for boundary in self.boundaries)",
        (SCHEDULE_TESTS,),
        killed_before=True,
    ),
    Mutant(
        "linear warmup: it begins one step late",
        f"{OPTIMIZERS}/schedules.py",
        "start + (end - start) * step / self.warmup_steps",
        "start + (end - start) * (step - 1) / self.warmup_steps",
        (SCHEDULE_TESTS,),
        killed_before=True,
    ),
]
