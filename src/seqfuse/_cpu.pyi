def supported() -> list[str]:
    """Names of the instruction sets that can run here, the best last."""
