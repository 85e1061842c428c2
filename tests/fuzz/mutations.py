"""Seeded damage to bytes, text and tables."""

import io

import numpy as np
import pandas as pd

SPECIAL = (
    "nan", "inf", "-inf", "1e400", "-1", "0", "9" * 400, "1" + "0" * 5000, "0x10", "1_000", "true",
    '""', '"x"', "''", "[]", "{}", "[1, [2]]", "[" * 200, "{a = " * 50, "2026-01-02",
    "2026-01-02T08:00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "07:32:00", "null",
    "None", "\u202ename", "\U0001f600", "e\u0301", "\ufeff", "\x00", "\x1b[2J", "\r", "\n", ",,,",
    '"', "'", "=1+1", "../../etc/passwd", "/dev/zero", "a" * 3000, "sqlite:///x.db::t", "$HOME",
)  # fmt: skip
CELLS = (
    None, np.nan, np.inf, -np.inf, 0.0, -1.0, 1e308, 5e-324, 2**63 - 1, True, "", " ", "x", "nan",
    "1e400", "BTC", "2026-01-02", "2026-01-02T08:00:00Z", "9999-12-31T23:59:59-14:00", "\x00",
    "\u202e", "\U0001f600" * 40, "call", b"\xff\x00", pd.Timestamp("2026-01-02T08:00Z"), [1.0], 7,
)  # fmt: skip


def spoil_bytes(content: bytes, random: np.random.Generator) -> bytes:
    """Turn bits over, cut, repeat, insert or overwrite, once to four times."""
    spoiled = bytearray(content)
    for _ in range(random.integers(1, 5)):
        size = len(spoiled)
        place = int(random.integers(0, size + 1))
        length = int(random.choice([1, 2, 4, 16, 200]))
        match random.integers(0, 7) if size else 3:
            case 0 | 1:
                spoiled[min(place, size - 1)] ^= 1 << int(random.integers(0, 8))
            case 2:
                del spoiled[place:]
            case 3:
                spoiled[place:place] = random.bytes(length)
            case 4:
                del spoiled[place : place + length]
            case 5:
                spoiled[place : place + length] = random.choice([b"\0", b"\xff", b"\x80"]) * length
            case _:
                spoiled[place:place] = spoiled[place : place + length]
    return bytes(spoiled)


def spoil_text(text: str, random: np.random.Generator) -> str:
    """Replace words and numbers, drop, repeat or swap lines, once to three times."""
    for _ in range(random.integers(1, 4)):
        lines = text.splitlines() or [""]
        row, other = random.integers(0, len(lines), 2)
        special = str(random.choice(SPECIAL))
        words = lines[row].replace(",", " , ").replace("\t", " \t ").split(" ")
        match random.integers(0, 7):
            case 0:
                del lines[row]
            case 1:
                lines.insert(other, lines[row])
            case 2:
                lines[row], lines[other] = lines[other], lines[row]
            case 3 | 4:
                words[random.integers(0, len(words))] = special
                lines[row] = " ".join(words).replace(" , ", ",").replace(" \t ", "\t")
            case 5 if "=" in lines[row]:
                lines[row] = f"{lines[row].split('=')[0]}= {special}"
            case _:
                cut = int(random.integers(0, len(lines[row]) + 1))
                lines[row] = lines[row][:cut] + special + lines[row][cut:]
        text = "\n".join(lines) + "\n" * int(random.integers(0, 8) > 0)
    return text


def spoil_table(table: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Change cells, types, columns and rows, once to three times."""
    for _ in range(random.integers(1, 4)):
        if not len(table.columns):
            return table
        name = str(random.choice(table.columns.astype(str)))
        row = int(random.integers(0, max(len(table), 1)))
        match random.integers(0, 9):
            case 0:
                table = table.drop(columns=name)
            case 1:
                table = table.rename(
                    columns={name: f"{name}{random.choice(['s', ' ', '.', chr(10)])}"}
                )
            case 2:
                cell = CELLS[random.integers(0, len(CELLS))]
                table = table.assign(**{name: [cell] * len(table)})
            case 3 | 4 if len(table):
                cells = list(table[name].astype(object))
                cells[row] = CELLS[random.integers(0, len(CELLS))]
                table = table.assign(**{name: pd.Series(cells, dtype=object, index=table.index)})
            case 5:
                table = pd.concat([table, table.iloc[row : row + 3]], ignore_index=True)
            case 6:
                table = table.iloc[: int(random.integers(0, 3))]
            case 7:
                kind = str(random.choice(["str", "object", "bool", "category", "float32", "Int64"]))
                try:
                    table = table.astype({name: kind})
                except (ValueError, TypeError, OverflowError, NotImplementedError):
                    continue
            case _:
                table = table.sample(frac=1.0, random_state=int(random.integers(0, 2**31)))
        table = table.loc[:, ~table.columns.duplicated()]
    return table


def table_bytes(table: pd.DataFrame, suffix: str, random: np.random.Generator) -> bytes | None:
    """The table as Parquet or CSV in one of many layouts; None if pandas cannot write it."""
    file = io.BytesIO()
    try:
        if suffix == ".csv":
            index, quoting = bool(random.integers(0, 8) == 0), int(random.integers(0, 2))
            table.to_csv(file, index=index, quoting=quoting)
        else:
            table.to_parquet(
                file,
                compression=str(random.choice(["none", "snappy", "gzip", "zstd"])),
                use_dictionary=bool(random.integers(0, 2)),
                row_group_size=int(random.choice([1, 3, 10_000])),
                data_page_version=str(random.choice(["1.0", "2.0"])),
                write_page_checksum=bool(random.integers(0, 2)),
            )
    except (ValueError, TypeError, OverflowError, NotImplementedError):
        return None
    return file.getvalue()
