"""``cxr-train``, also as ``python -m cxr_edge.training``."""

from cxr_edge.cli.guard import one_line_errors


def main() -> None:
    """Entry point of ``cxr-train``."""
    with one_line_errors("cxr-train", "train"):
        from cxr_edge.training.cli import train

        train.main(prog_name="cxr-train", standalone_mode=False)


if __name__ == "__main__":
    main()
