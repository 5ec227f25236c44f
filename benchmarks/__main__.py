"""``cxr-bench``, also as ``python -m cxr_edge.benchmarks``."""

from cxr_edge.cli.guard import one_line_errors


def main() -> None:
    """Entry point of ``cxr-bench``."""
    with one_line_errors("cxr-bench", "export"):
        from cxr_edge.benchmarks.cli import bench

        bench.main(prog_name="cxr-bench", standalone_mode=False)


if __name__ == "__main__":
    main()
