"""Write the table of operations between its markers in README.md, from control/operations.yaml."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
OPERATIONS = ROOT / "src" / "local_sagemaker" / "control" / "operations.yaml"
BEGIN, END = "<!-- operations: written by tools/operations_table.py -->\n", "<!-- end of operations -->\n"
WORDS = {"real": "real", "moto": "stored", "refused": "refused"}


def table() -> str:
    """Return the table in Markdown: one row per topic."""
    rows = ["| topic | here | operations |", "|---|---|---|"]
    for kind, groups in yaml.safe_load(OPERATIONS.read_text()).items():
        for group in groups:
            names = group["operations"]
            shown = ", ".join(names) if kind != "refused" else f"{len(names)}, such as {names[0]}. {group['instead']}"
            rows.append(f"| {group['topic']} | {WORDS[kind]} | {shown} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """Return a README with the table of today between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
