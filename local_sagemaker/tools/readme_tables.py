"""Write the tables of README.md between their markers: operations, and how closely AWS is followed."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
CONTROL = ROOT / "src" / "local_sagemaker" / "control"
WORDS = {"real": "real", "moto": "stored", "refused": "refused"}


def operations() -> str:
    """Return the table of operations in Markdown: one row per topic."""
    rows = ["| topic | here | operations |", "|---|---|---|"]
    for kind, groups in yaml.safe_load((CONTROL / "operations.yaml").read_text()).items():
        for group in groups:
            names = group["operations"]
            shown = ", ".join(names) if kind != "refused" else f"{len(names)}, such as {names[0]}. {group['instead']}"
            rows.append(f"| {group['topic']} | {WORDS[kind]} | {shown} |")
    return "\n".join(rows) + "\n"


def fidelity() -> str:
    """Return the table of fidelity in Markdown: one row per behaviour."""
    rows = ["| topic | behaviour | AWS | here | source, looked up on |", "|---|---|---|---|---|"]
    for row in yaml.safe_load((CONTROL / "fidelity.yaml").read_text()):
        here = f"{row['here']}: {row['note']}" if row["note"] else row["here"]
        if "unproved" in row["proof"]:
            here += f" (no test: {row['proof']['unproved']})"
        cells = [row["topic"], row["behaviour"], row["aws"], here, f"{source(row['source'])}, {row['date']}"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def source(given: dict[str, str]) -> str:
    """Return a link to a page of AWS, or the place in botocore's description."""
    if "address" in given:
        return f"[{given['title']}]({given['address']})"
    place = given.get("operation") or ".".join(filter(None, (given["shape"], given.get("member"))))
    return f"botocore, `{given['service']}`, {place}"


TABLES = {"operations": operations, "fidelity": fidelity}


def with_tables(text: str) -> str:
    """Return a README with the tables of today between their markers."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: written by tools/readme_tables.py -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}{table()}{end}{after}"
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
