"""pandas reads and writes tables, through SQLAlchemy and without it."""

import csv
import io

import numpy
import pandas
import pytest
import sqlalchemy as sa


@pytest.fixture(scope="module")
def engine(database):
    engine = sa.create_engine(database.sqlalchemy)
    yield engine
    engine.dispose()


@pytest.fixture
def frame():
    return pandas.DataFrame({
        "number": numpy.arange(5, dtype="int64"), "small": numpy.arange(5, dtype="int16"),
        "real": [0.1, numpy.nan, -numpy.inf, 1e300, 0.0], "text": ["a", "ß'", None, "tab\t", "%s"],
        "at": pandas.to_datetime(["2024-02-29 12:00", None, "1999-12-31 23:59:59.999999", "2024-01-01", "2000-01-01"],
                                 format="mixed"),
        "zoned": pandas.to_datetime(["2024-02-29 12:00+02:00"] * 5, utc=True),
        "flag": [True, False, True, False, True]})


def copy(table, connection, keys, rows):
    """The callable for COPY from the documentation of pandas."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    buffer.seek(0)
    columns = ", ".join(f'"{key}"' for key in keys)
    with connection.connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table.name} ({columns}) FROM STDIN WITH CSV", buffer)
        return cursor.rowcount


@pytest.mark.parametrize("method", [None, "multi", copy])
def test_a_frame_comes_back_as_it_went(engine, frame, method):
    assert frame.to_sql("frame", engine, index=False, if_exists="replace", method=method, chunksize=2) == 5
    again = pandas.read_sql("SELECT * FROM frame ORDER BY number", engine)
    again["zoned"] = again["zoned"].dt.tz_convert("UTC")
    pandas.testing.assert_frame_equal(
        again, frame, check_dtype=False, check_index_type=False, check_column_type=False)
    assert again.dtypes["number"] == numpy.int64 and again.dtypes["real"] == numpy.float64
    assert again.dtypes["flag"] == numpy.bool_ and str(again.dtypes["at"]).startswith("datetime64")


def test_queries_with_parameters_and_chunks(engine, frame):
    frame.to_sql("chunked", engine, index=False, if_exists="replace")
    found = pandas.read_sql(sa.text("SELECT * FROM chunked WHERE number > :least"), engine, params={"least": 2})
    assert list(found["number"]) == [3, 4]
    found = pandas.read_sql("SELECT * FROM chunked WHERE number = ANY(%(wanted)s)", engine, params={"wanted": [1, 3]},
                            index_col="number", parse_dates=["at"])
    assert list(found.index) == [1, 3]
    with engine.connect().execution_options(stream_results=True) as connection:
        parts = list(pandas.read_sql("SELECT * FROM chunked", connection, chunksize=2))
    assert [len(part) for part in parts] == [2, 2, 1]
    table = pandas.read_sql_table("chunked", engine, columns=["text", "flag"])
    assert list(table.columns) == ["text", "flag"]
    assert list(pandas.read_sql("SELECT text FROM chunked WHERE text LIKE 'a%%'", engine)["text"]) == ["a"]


@pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy")
def test_the_connection_itself(database, frame):
    import psycopg2
    connection = psycopg2.connect(database.dsn)
    found = pandas.read_sql("SELECT generate_series(1, 3) AS n, %s::text AS t", connection, params=("x",))
    assert found.to_dict("list") == {"n": [1, 2, 3], "t": ["x"] * 3}
    parts = list(pandas.read_sql("SELECT generate_series(1, 5) AS n", connection, chunksize=3))
    assert [list(part["n"]) for part in parts] == [[1, 2, 3], [4, 5]]
    connection.close()


def test_numpy_scalars_are_arguments(database):
    """The types of the values in a frame."""
    import psycopg2
    connection = psycopg2.connect(database.dsn)
    with connection.cursor() as cursor:
        scalars = (numpy.int64(7), numpy.float64("nan"), numpy.bool_(True), numpy.int16(-1))
        cursor.execute("SELECT %s, %s, %s, %s", scalars)
        seven, nan, true, negative = cursor.fetchone()
    assert (seven, true, negative) == (7, True, -1) and nan != nan
    connection.close()
