"""An environment that has everything of the running one, and takes a plugin without changing that."""

import os
import sysconfig
import venv
from pathlib import Path


def make_environment(folder: Path) -> None:
    """Makes it in a folder, with the commands `sentrec` and `pip`."""
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    site_packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    # `addsitedir` rather than a plain path: it also reads the .pth file by which sentrec is installed as editable.
    ours = sysconfig.get_path("purelib")
    (site_packages / "running_environment.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    scripts = Path(sysconfig.get_path("scripts", "venv", {"base": str(folder), "platbase": str(folder)}))
    for name, code in {
        "sentrec": "from sentrec.cli.main import run; run()",
        "pip": "import runpy; runpy.run_module('pip', run_name='__main__')",
    }.items():
        start = f"#!{scripts / 'python'}\nimport sys; sys.argv[0] = {name!r}\n"
        (scripts / name).write_text(f"{start}{code}\n", encoding="utf-8")
        (scripts / name).chmod(0o755)
