"""The command line: ``thalweg demo``, ``chart``, ``count``, ``doctor``, ``version``."""

import sys
from pathlib import Path
from typing import Annotated

# No `from __future__ import annotations` here: typer reads the annotations of nested functions.


def main() -> None:
    """Entry point of the ``thalweg`` command; without typer, say how to get it."""
    try:
        import typer  # noqa: F401
    except ImportError:
        sys.exit(
            "the thalweg command needs typer, which is not installed. In the source folder run: "
            'pip install ".[all]"'
        )
    application()()


def application():
    """Build the typer application; one nested function per command."""
    import typer

    app = typer.Typer(
        help="thalweg: energy landscapes of neural networks and other systems.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.command()
    def demo(
        output: Annotated[Path, typer.Option(help="Folder for chart.npz and chart.png.")] = Path(
            "thalweg-demo"
        ),
        steps: Annotated[int, typer.Option(help="Langevin steps of every network.")] = 6000,
        replicas: Annotated[int, typer.Option(help="Networks per temperature.")] = 8,
        seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
        threads: Annotated[int, typer.Option(help="Threads; 0 uses all cores.")] = 0,
    ) -> None:
        """Chart the landscape of a network that reads handwritten digits (about half a minute)."""
        from .demo import MissingExtra, run

        try:
            run(output, steps=steps, replicas=replicas, seed=seed, threads=threads or None)
        except (MissingExtra, ValueError, TypeError, MemoryError) as error:
            _fail(f"{error}", code=2)
        except KeyboardInterrupt:
            _fail("stopped before there was anything to keep; nothing was written.", code=130)

    @app.command()
    def chart(
        study: Annotated[Path, typer.Argument(help="Study file, as docs/examples/study.toml.")],
        threads: Annotated[int, typer.Option(help="Threads; 0 uses all cores.")] = 0,
    ) -> None:
        """Chart the landscape that a study file describes; writes chart.npz, .png, summary.txt."""
        from .errors import Interrupted
        from .study import FILES, read

        try:
            asked = read(study)
            made = asked.run(threads=threads or None)
        except Interrupted as stop:
            kept = hasattr(stop.result, "summary") and hasattr(stop.result, "temperatures")
            told = f"what there was is in {asked.folder}" if kept else "too early to keep anything"
            _fail(f"stopped; {told}.", code=130)
        except ImportError as error:
            _fail(f"{error}", code=1)
        except (ValueError, TypeError, FileNotFoundError, MemoryError) as error:
            _fail(f"{error}", code=2)
        print(made.summary())
        left_out = "" if asked.draws else " (no chart.png: that needs matplotlib)"
        written = [name for name in FILES if asked.draws or not name.endswith(".png")]
        print(f"\nWrote {', '.join(written)} to {asked.folder}{left_out}.")

    @app.command()
    def count(
        charges: Annotated[
            str, typer.Option(help="Brane numbers 1,1,1,N in any order.")
        ] = "1,1,1,1",
        method: Annotated[str, typer.Option(help="hybrid, multistart or monodromy.")] = "hybrid",
        seed: Annotated[int, typer.Option(help="Seed of couplings and search.")] = 0,
        output: Annotated[Path | None, typer.Option(help="File for the result, .npz.")] = None,
        figure: Annotated[Path | None, typer.Option(help="File for the figure, .png.")] = None,
        resume: Annotated[Path | None, typer.Option(help="Go on from this file.")] = None,
        threads: Annotated[int, typer.Option(help="Threads; 0 uses all cores.")] = 0,
    ) -> None:
        """Find every minimum of a black-hole landscape, and say whether one is missing."""
        from .errors import Interrupted

        try:
            found = _count(charges, method, seed, output, resume, threads or None)
        except Interrupted as stop:
            kept = f"--resume {output} goes on" if output else "--output would have kept them"
            _fail(f"stopped with {stop.result.count} minima; {kept}.", code=130)
        except (ValueError, TypeError, FileNotFoundError) as error:
            _fail(f"{error}", code=2)
        print(found.summary())
        if figure is not None:
            _draw_count(found, figure)

    @app.command()
    def doctor() -> None:
        """Say what runs here: targets, threads, optional packages, and why others do not run."""
        from .doctor import report

        print(report())

    @app.command()
    def version() -> None:
        """Print the version."""
        from . import __version__

        print(__version__)

    return app


def _count(charges, method, seed, output, resume, threads):
    """The count asked for on the command line."""
    from .landscapes import BlackHole
    from .protocols import count_minima

    try:
        numbers = tuple(int(number) for number in charges.split(","))
    except ValueError:
        raise ValueError(
            f"charges: expected four integers such as 1,1,1,3, got {charges!r}."
        ) from None
    hole = BlackHole(numbers, rng=seed)
    return count_minima(
        hole, method, resume=resume, checkpoint=output, rng=seed, threads=threads, progress=True
    )


def _draw_count(found, file) -> None:
    """Discovery curve and hits of each minimum, side by side."""
    try:
        found.figure().savefig(file, dpi=150)
    except ImportError:
        _fail("--figure needs matplotlib, which is not installed: pip install matplotlib", code=1)


def _fail(message: str, code: int) -> None:
    """End with one line on stderr and an exit status, not with a traceback."""
    print(f"thalweg: {message}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
