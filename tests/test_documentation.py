"""The code of the documentation's pages runs, page by page; prompts are doctests of their own."""

import re
from pathlib import Path

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
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


BESIDE = [*ROOT.glob("*.md"), *ROOT.glob("benchmarks/**/*.md"), *ROOT.glob("examples/*.md")]


@pytest.mark.parametrize("page", [*DOCS.rglob("*.md"), *BESIDE], ids=lambda p: p.stem)
def test_links_lead_somewhere(page):
    """On a code host the pages are read as files, so a link to a page names its file."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http", "#", "mailto:")):
            assert (page.parent / target.split("#")[0]).exists(), target


def test_every_page_is_reached_from_the_readme_in_two_clicks():
    reached, todo = set(), [ROOT / "README.md"]
    for _ in range(2):
        found = {
            (page.parent / target.split("#")[0]).resolve()
            for page in todo
            for target in re.findall(r"\]\(([^)\s]+\.md[^)\s]*)\)", page.read_text("utf-8"))
            if not target.startswith("http")
        }
        todo = list(found - reached)
        reached |= found
    pages = {page for page in DOCS.rglob("*.md") if "{include}" not in page.read_text("utf-8")}
    lists = {DOCS / "index.md", *(DOCS / room / "index.md" for room in ("guide", "howto", "about"))}
    assert pages - reached - lists == set()
