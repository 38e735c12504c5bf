"""The code of the documentation's pages runs, page by page; prompts are doctests of their own."""

import re
from pathlib import Path

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

DOCS = Path(__file__).parents[1] / "docs"
OWN = ["index", "start", "tables"]  # of the pages that do not lie in a folder
PAGES = [*(DOCS / f"{name}.md" for name in OWN), *sorted(DOCS.glob("*/*.md"))]
TABLE = "customer,joined,churned,visits\n" + "".join(
    f"c{i},{i % 28 + 1:02}/03/2024,{'yes' if i % 3 else 'no'},{i * i % 17}\n" for i in range(60)
)


def blocks(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    return [block for block in found if ">>>" not in block]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda p: p.stem)
def test_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("customers.csv").write_text(TABLE, encoding="utf-8")
    names = {"__name__": page.stem}
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), names)
    plt.close("all")
