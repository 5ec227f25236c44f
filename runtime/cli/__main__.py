"""``cxr-run``, also as ``python -m cxr_edge.cli``."""

import sys

from cxr_edge.cli.guard import one_line_errors


def main() -> None:
    """Entry point of ``cxr-run``."""
    arguments = sys.argv[1:]
    with one_line_errors("cxr-run", "cpu"):
        if arguments[:1] == ["doctor"]:
            from cxr_edge.cli.doctor import doctor

            doctor.main(arguments[1:], prog_name="cxr-run doctor", standalone_mode=False)
        else:
            from cxr_edge.cli.run import run

            run.main(arguments, prog_name="cxr-run", standalone_mode=False)


if __name__ == "__main__":
    main()
