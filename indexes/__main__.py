"""``cxr-index``, also as ``python -m cxr_edge.indexes``."""

from cxr_edge.cli.guard import one_line_errors


def main() -> None:
    """Entry point of ``cxr-index``."""
    with one_line_errors("cxr-index", "index"):
        from cxr_edge.indexes.cli import index

        index.main(prog_name="cxr-index", standalone_mode=False)


if __name__ == "__main__":
    main()
