"""Tables and plain text: columns by name and by guess, broken rows, encodings."""

import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.cli import index
from cxr_edge.indexes.corpora import CorpusOptions, open_corpus


def texts(path: Path, **options: object) -> list[str]:
    return [s.text for s in open_corpus(path, CorpusOptions(**options))]  # type: ignore[arg-type]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "findings,impression\nClear lungs.,Normal chest.\n"),
        ("a.csv", "Findings;Impression\nClear lungs.;Normal chest.\n"),
        ("a.tsv", "findings\timpression\nClear lungs.\tNormal chest.\n"),
        ("a.csv", "id,report\n1,FINDINGS: Clear lungs. IMPRESSION: Normal chest.\n"),
        ("a.csv", 'id,text\n1,"Clear\nlungs. Normal chest."\n'),
        ("a.csv", "\ufefffindings,impression\r\nClear lungs.,Normal chest.\r\n"),
        ("a.csv", "impression,extra,findings\nNormal chest.,x,Clear lungs.\n"),
        ("a.txt", "Clear lungs.\n\nNormal chest.\n"),
        ("a.jsonl", '{"findings": "Clear lungs.", "impression": "Normal chest."}\n'),
        ("a.jsonl", '{"report": "FINDINGS: Clear lungs.\\nIMPRESSION: Normal chest."}\n'),
        ("a.json", '{"findings": "Clear lungs. Normal chest."}\n'),
    ],
)
def test_the_same_sentences(tmp_path: Path, name: str, content: str) -> None:
    expected = ["Clear lungs.", "Normal chest."]
    assert texts(write(tmp_path / name, content)) == expected
    if not name.endswith(".json"):
        packed = write(tmp_path / f"{name}.gz", gzip.compress(content.encode()))
        assert texts(packed) == expected


def test_columns_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Befund,Nummer,Teil\nClear lungs.,7,train\nNo mass.,8,test\n")
    with pytest.raises(CorpusError, match="--column report=NAME; it has: Befund, Nummer, Teil"):
        open_corpus(path)
    options = CorpusOptions(
        split="train", columns=(("report", "Befund"), ("source", "Nummer"), ("split", "Teil"))
    )
    (sentence,) = open_corpus(path, options)
    assert (sentence.source, sentence.text) == ("7", "Clear lungs.")
    with pytest.raises(CorpusError, match="no column 'Bericht' for the report"):
        open_corpus(path, CorpusOptions(columns=(("report", "Bericht"),)))


@pytest.mark.parametrize(
    ("header", "columns", "message"),
    [
        ("findings,findings,id", (), "2 columns that may be the findings: findings, findings"),
        ("findings,Findings,id", (), "2 columns that may be the findings: findings, Findings"),
        ("Befund,Befund,id", (("report", "Befund"),), "2 columns named 'Befund'"),
        ("findings,id,ID", (), "2 columns that may be the source: id, ID"),
    ],
)
def test_two_columns_of_one_name_are_refused(
    tmp_path: Path, header: str, columns: tuple[tuple[str, str], ...], message: str
) -> None:
    path = write(tmp_path / "a.csv", f"{header}\nClear lungs.,No mass.,7\n")
    with pytest.raises(CorpusError) as caught:
        open_corpus(path, CorpusOptions(columns=columns))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_columns_that_are_not_read_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "note,findings,note\nx,Clear lungs.,y\n")
    assert texts(path) == ["Clear lungs."]
    path = write(tmp_path / "b.csv", "findings,Findings\nClear lungs.,No mass.\n")
    assert texts(path, columns=(("findings", "Findings"),)) == ["No mass."]


def test_a_role_has_one_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "a,b\nClear lungs.,No mass.\n")
    twice = ["--column", "report=a", "--column", "report=b"]
    done = CliRunner().invoke(index, ["build", str(path), "--dry-run", *twice])
    assert done.exit_code == 2
    assert "one role was given two names" in done.output


def test_a_key_that_comes_twice_is_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        '{"findings": "Clear."}\n{"findings": "Clear lungs.", "findings": "No mass."}\n',
    )
    with pytest.raises(CorpusError, match="line 2: the key 'findings' comes twice"):
        texts(path)


def test_two_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs it")
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs it")
    column = pyarrow.array(["Clear lungs."])
    table = pyarrow.Table.from_arrays([column, column], names=["findings", "findings"])
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match="2 columns that may be the findings"):
        open_corpus(tmp_path / "a.parquet")


def test_the_source_is_the_row_where_nothing_names_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text\n"Clear\nlungs."\nNo mass.\n')
    assert [s.source for s in open_corpus(path)] == ["row 3", "row 4"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("findings,id\nClear lungs.,1\nNo mass., 2, 3\n", "line 3: 3 cells where the header has 2"),
        ("findings,id\nClear lungs.,1\nNo mass.\n", "line 3: 1 cells where the header has 2"),
        ('findings,id\nClear lungs.,1\n"No mass.,2\n', "line 3: unexpected end of data"),
        ('findings,id\n"Clear" lungs.,1\n', "line 2: ',' expected after '\"'"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = write(tmp_path / "a.csv", content)
    with pytest.raises(CorpusError) as caught:
        list(open_corpus(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_before_a_broken_one_were_read(tmp_path: Path) -> None:
    """A table is read as it is asked for, not at once."""
    path = write(tmp_path / "a.csv", "findings,id\nClear lungs.,1\nNo mass.\n")
    rows = iter(open_corpus(path))
    assert next(rows).text == "Clear lungs."


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_latin_1_is_said_aloud(tmp_path: Path, name: str) -> None:
    content = "findings\n" * (name == "a.csv") + "Clear lungs.\nGröße normal.\n"
    path = write(tmp_path / name, content.encode("latin-1"))
    corpus = open_corpus(path)
    assert [s.text for s in corpus] == ["Clear lungs.", "Größe normal."]
    assert len(corpus.notes) == 1
    assert "Latin-1" in corpus.notes[0]
    assert list(corpus)
    assert len(corpus.notes) == 1


def test_utf_16(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "findings\nGröße normal.\n".encode("utf-16"))
    assert texts(path) == ["Größe normal."]


def test_a_folder_of_reports(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write(tmp_path / "b" / "1.txt", "IMPRESSION:\nClear lungs.\n")
    write(tmp_path / "a.txt", b"Gr\xf6\xdfe normal.")
    corpus = open_corpus(tmp_path)
    assert [(s.source, s.text) for s in corpus] == [("a", "Größe normal."), ("b/1", "Clear lungs.")]
    assert len(corpus.notes) == 1


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow (extra parquet) is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(
        {"study_id": [7, 8], "findings": ["Clear lungs.", None], "Impression": ["Normal.", "Mass."],
         "size": [1.0, 2.0]}
    )  # fmt: skip
    parquet.write_table(table, tmp_path / "a.parquet")
    assert [(s.source, s.text) for s in open_corpus(tmp_path / "a.parquet")] == [
        ("7", "Clear lungs."),
        ("7", "Normal."),
        ("8", "Mass."),
    ]
    for reports in ([1, 2], [["Clear lungs."]], [b"Clear lungs."], [1.5]):
        parquet.write_table(pyarrow.table({"report": reports}), tmp_path / "c.parquet")
        with pytest.raises(CorpusError, match=r"'report' is .*; expected texts"):
            open_corpus(tmp_path / "c.parquet")
    coded = pyarrow.array(["Clear lungs.", "Mass."]).dictionary_encode()
    parquet.write_table(pyarrow.table({"report": coded}), tmp_path / "d.parquet")
    assert [s.text for s in open_corpus(tmp_path / "d.parquet")] == ["Clear lungs.", "Mass."]
    broken = write(tmp_path / "b.parquet", (tmp_path / "a.parquet").read_bytes()[:-20])
    with pytest.raises(CorpusError, match="cannot be read as Parquet") as caught:
        open_corpus(broken)
    assert "\n" not in str(caught.value)


def test_gzip_that_is_cut_off(tmp_path: Path) -> None:
    packed = gzip.compress(b"findings\n" + b"".join(b"Clear %d lungs.\n" % n for n in range(9999)))
    with pytest.raises(CorpusError, match="cannot be read"):
        list(open_corpus(write(tmp_path / "a.csv.gz", packed[:-100])))


@pytest.mark.parametrize("name", ["a.docx", "b"])
def test_what_is_not_recognised(tmp_path: Path, name: str) -> None:
    with pytest.raises(CorpusError, match="not recognised from its name"):
        open_corpus(write(tmp_path / name, b"PK\x03\x04"))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is not a file or a folder"):
        open_corpus(tmp_path / "nowhere.csv")
    with pytest.raises(CorpusError, match="holds no corpus"):
        open_corpus(tmp_path)
    with pytest.raises(CorpusError, match="expected one of chexpert-plus, csv"):
        open_corpus(tmp_path, form="excel")
