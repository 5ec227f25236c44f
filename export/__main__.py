"""``cxr-export``, also as ``python -m cxr_edge.export``."""

from cxr_edge.cli.guard import one_line_errors


def main() -> None:
    """Entry point of ``cxr-export``."""
    with one_line_errors("cxr-export", "export"):
        from cxr_edge.export.cli import main as export

        export.main(prog_name="cxr-export", standalone_mode=False)


if __name__ == "__main__":
    main()
