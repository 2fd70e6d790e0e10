"""SQL texts for scripts. Their tables, types and functions are in observer.py."""

import re

import arguments
from arguments import scalar, text
from language import mapping, tup

# A value of each type, as text and its type.
LITERALS = """
    1::int2|-32768::int2|2147483647::int4|9223372036854775807::int8|null::int4|7::oid|'s'::"char"|'name'::name
    1.50::numeric|'NaN'::numeric|'Infinity'::numeric|1e40::numeric|0.0000001::numeric|-0.00::numeric(5,2)
    'NaN'::float8|'-Infinity'::float8|'-0'::float8|1e-300::float8|0.1::float4|1.5::float8
    true|false|null::bool|''::text|'it''s'::text|'é日'::text|E'back\\\\slash'::text|'pad'::char(5)|'v'::varchar(7)
    ''::bytea|'\\x00ff'::bytea|'\\x4142'::bytea|null::bytea
    '2024-02-29'::date|'infinity'::date|'-infinity'::date|'0044-03-15 BC'::date|'9999-12-31'::date|'10000-01-01'::date
    '2024-01-02 03:04:05.678901'::timestamp|'infinity'::timestamp|'0001-01-01 BC'::timestamp|'99999-01-01'::timestamp
    '2024-01-02 03:04:05+05:30'::timestamptz|'1900-01-01 00:00:00Z'::timestamptz|'-infinity'::timestamptz
    '23:59:59.999999'::time|'24:00:00'::time|'01:02:03+05:30'::timetz|'01:02:03.5-12:34:56'::timetz
    '1 day'::interval|'-1 day 00:00:01'::interval|'1 year 2 mons 3 days 04:05:06.789'::interval
    '-00:00:00.000001'::interval
    '178000000 years'::interval|'0'::interval|'1 mon -1 day'::interval
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid|'{"a": [1, null, 1.5, "é"]}'::json|'[]'::jsonb|'null'::json|'1'::jsonb
    '[1,5)'::int4range|'(,3]'::int8range|'empty'::numrange|'[2020-01-01,)'::daterange
    '["2020-01-01 00:00","2020-02-01 00:00")'::tsrange
    '[2020-01-01 00:00+00,infinity)'::tstzrange|'{[1,2],[4,5]}'::int4multirange|'(1.5,2.5]'::numrange
    '10.1.2.3/8'::inet|'::1'::inet|'10.0.0.0/8'::cidr|'08:00:2b:01:02:03'::macaddr|B'1010'::bit(4)|B'101'::varbit
    'happy'::s.mood|row(1, 'x''y"')::s.pair|row(null, null)::s.pair|42::s.small|'a=>1, "b c"=>NULL'::public.hstore
    '12.34'::money|'(1,2)'::point|'<a>x</a>'::text|'a b'::tsvector|'1/2'::pg_lsn|'t'::regclass|null|row(1, 'a', null)
    array[1,2,null]|'{}'::int[]|'{{1,2},{3,4}}'::int[]|'[2:3]={1,2}'::int[]
    array['a','NULL',null,'"',E'\\\\','{',',']
    '{}'::text[]|array[array['a','b'],array['c','d']]|array[true,false,null]|array[1.5,'NaN']::float8[]
    array[1.50]::numeric[]
    array['2020-01-01'::date,null,'infinity']|array['2020-01-01 00:00'::timestamptz]|array['\\x00'::bytea,''::bytea]
    array['happy'::s.mood]|array[row(1,'a')::s.pair]|array['[1,2)'::int4range]|array['{"a":1}'::jsonb]
    array['1 day'::interval]
    array['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid]|array['10.0.0.1'::inet]|array[''::text]|array['é']
    array['01:02:03+01'::timetz]
"""
LITERALS = [literal.strip() for literal in re.split(r"\|(?!\|)|\n", LITERALS) if literal.strip()]

ERRORS = [
    "select 1/0", "select * from nowhere", "select missing from t", "selct 1", "select 'abc'::int",
    "insert into t values (1, 1, 'twice')", "insert into t (id, n) values (50, 13)",
    "insert into t (id) values (null)", "insert into child (t_id) values (900)",
    "select 99999999999::int8 * 99999999999::int8", "select fail('said so')", "select 200::s.small",
    "select 'sad'::mood, 'angry'::mood", "select shout('x', 2), 1/0", "select add('a')", "select add(1, 2, 3)",
    "create table t ()", "drop table nowhere", "rollback to savepoint nowhere", "release savepoint nowhere",
    "fetch nowhere", "close nowhere", "deallocate nowhere", "execute nowhere", "select pg_sleep(0.1)",
    "lock table nowhere", "set no_such_setting = 1", "set work_mem = 'much'", "set client_encoding = 'no such'",
    "select chr(0)", "select convert_from('\\xff', 'UTF8')", "select array[1, 'a']", "select '{1,2'::int[]",
    "select '[1,2'::int4range", "select '{bad json'::json", "select * from t where id = any ('{a}')",
    "select n, count(*) from t", "select 1 union select 'a'", "values (1), (2, 3)",
    "select generate_series(1, 3) / (generate_series(1, 3) - 2)", "truncate t", "drop table t",
    "alter table t drop column nowhere", "alter table t add column v text", "vacuum t", "create database t",
    "select lo_open(999999999, 131072)", "do $$ begin perform 1/0; end $$", "select current_setting('no.such')",
    "select set_config('no such', 'x', false)", "prepare p as select $1", "select $1", "select 'unterminated",
    "select /* unterminated", "select \"unterminated", "select $$unterminated", "select 1 from", "select (",
    "select )", "notify \"\"", "listen", "call setting('DateStyle', 'ISO, DMY', 'fail')", "select cast(1 as nowhere)",
    "insert into t (id, v) select 60, repeat('x', 10) union all select 1, 'twice'", "select raise_nothing()",
    "refresh materialized view nowhere", "grant select on nowhere to nobody", "set role nobody_at_all",
    "update t set n = 13", "delete from t where v", "copy nowhere to stdout", "copy t from '/no/such/file'",
]

PLAIN = [
    "select 1", "select 1 as a, 2 as b", "select * from t order by id", "select id, v from t where id < 0", "select",
    "select null", "values (1, 'a'), (2, 'b')", "table t", "select 1 as a, 2 as a",
    "select 1 as \"é\", 2 as \"A b\", 3 as \"?column?\"", "select generate_series(1, 5) as n",
    "select generate_series(1, 250) as n", "select shout('hello')", "select shout('many', 60)",
    "show standard_conforming_strings", "show DateStyle", "show transaction_isolation", "show transaction_read_only",
    "select cur('portal')", "fetch 2 from portal", "fetch all from portal", "move 1 in portal", "close portal",
    "explain (costs off) select 1", "select v, v from t order by id", "select t from t order by 1",
    "select (row(1, 2)).f1", "select current_schema()", "select pg_backend_pid() > 0", "select version() is not null",
]

CHANGES = [
    "insert into t values (4, 40, 'four')", "insert into t values (5, 50, 'five') returning *",
    "insert into t select g, g, 'g' from generate_series(20, 24) g", "update t set n = n + 1 where id < 3",
    "update t set v = 'new' where id = 1 returning id, v", "delete from t where id = 3", "delete from t",
    "update t set n = 0 where false", "insert into child (t_id) values (1)", "delete from t where id = 2 returning v",
    "insert into t values (1, 0, 'c') on conflict (id) do update set v = 'conflict' returning v",
    "insert into t values (1, 0, 'c') on conflict do nothing", "create table fresh (a int, b text)",
    "drop table child", "create temp table tmp (a int) on commit drop", "create temp table tmp2 as select 1 as a",
    "truncate child", "alter table t add column extra int default 7", "alter table t rename column v to w",
    "create table if not exists t ()", "drop table if exists nowhere", "select setval('child_id_seq', 90)",
    "select nextval('child_id_seq')", "create index on t (n)", "comment on table t is 'x'", "analyze t",
    "select pg_advisory_lock(5)", "select pg_advisory_xact_lock(6)", "select pg_advisory_unlock_all()",
    "notify ch, 'payload'", "notify ch", "select pg_notify('ch', 'é')", "listen ch", "unlisten *",
    "declare own cursor for select * from t order by id",
    "declare held cursor with hold for select * from t order by id", "fetch 1 from own", "fetch 1 from held",
    "close own", "close held", "prepare p (int) as select $1 + 1", "execute p (1)", "deallocate p", "discard temp",
    "lock table t in exclusive mode nowait",
    "with x as (insert into t values (6, 6, 'x') returning id) select * from x",
    "call setting('DateStyle', 'ISO, DMY', 'ok')",
    "merge into t using (values (1)) as s (id) on t.id = s.id when matched then update set n = 5",
    "do $$ begin raise notice 'from do'; raise warning 'a warning'; end $$", "select lo_create(0) > 0", "reset all",
]

TRANSACTIONS = [
    "begin", "commit", "rollback", "start transaction isolation level serializable", "begin read only", "end",
    "abort", "begin isolation level repeatable read", "savepoint a", "rollback to savepoint a", "release savepoint a",
    "commit and chain", "rollback and chain", "set transaction isolation level serializable",
    "set transaction read only", "set transaction read write", "set session characteristics as transaction read only",
    "set session characteristics as transaction isolation level serializable", "set constraints all immediate",
    "prepare transaction 'by hand'", "commit prepared 'by hand'", "rollback prepared 'by hand'", "begin; select 1",
    "select 1; commit", "commit; select 2", "begin; insert into t values (70, 7, 'x'); commit",
    "rollback; begin; select 1/0", "insert into t values (71, 7, 'x'); commit; select 1/0", "begin; begin; select 1",
    "commit; commit", "set transaction deferrable", "set default_transaction_read_only = on",
    "set default_transaction_isolation = 'serializable'",
]

SETTINGS = [
    "set standard_conforming_strings = off", "set standard_conforming_strings = on", "set DateStyle = 'SQL, DMY'",
    "set DateStyle = 'German'", "set DateStyle = 'Postgres, MDY'", "set DateStyle = 'ISO, MDY'", "reset DateStyle",
    "set IntervalStyle = 'iso_8601'", "set IntervalStyle = 'postgres_verbose'", "set IntervalStyle = 'sql_standard'",
    "reset IntervalStyle", "set bytea_output = 'escape'", "set bytea_output = 'hex'",
    "set client_encoding = 'LATIN1'", "set client_encoding = 'UTF8'", "set client_encoding = 'SQL_ASCII'",
    "set client_encoding to 'WIN1252'", "set local standard_conforming_strings = off",
    "set local client_encoding = 'LATIN1'", "reset client_encoding", "set timezone = 'UTC'",
    "set timezone = 'Asia/Kolkata'", "set timezone = '<+01:23>-01:23:45'", "set extra_float_digits = 0",
    "set client_min_messages = error", "set client_min_messages = debug1", "set application_name = 'é app'",
    "set role pg_monitor", "reset role", "set session authorization pg_monitor", "reset session authorization",
    "set statement_timeout = 60", "reset statement_timeout", "set names 'LATIN9'", "set escape_string_warning = off",
    "set search_path = public", "set search_path = s, public", "set backslash_quote = off",
    "call setting('standard_conforming_strings', 'off', 'fail')", "set xmloption = content",
    "call setting('client_encoding', 'LATIN1', 'fail')",
    "select set_config('standard_conforming_strings', 'off', true)",
    "select set_config('client_encoding', 'LATIN1', false)", "discard all", "set lc_messages = 'C'",
]

NOTHING = [
    "", " ", ";", ";;", "-- comment", "/* comment */", "select 1;", ";select 1", "select 1;;", "-- c\nselect 1",
    "\n\n", "select 1 -- c",
]

COPIES = [
    "copy t to stdout", "copy t from stdin", "copy (select 1) to stdout; select 2", "select 1; copy t to stdout",
    "copy t (id) from stdin; select 1", "copy t to '/no/such/folder/x'",
]

TOKENS = [
    "%%", "(", ")", ",", "'", "\"", "selct", "é", "$", "1a", "::", "from", ";", "\\", "@", "''", "日本", "end",
]


def literal(r):
    return r.choice(LITERALS)


def selection(r):
    """A select of a few values; at times many rows, with a null among them."""
    columns = ", ".join(literal(r) for _ in range(r.randrange(1, 5)))
    if r.random() < 0.3:
        return f"select {columns} from generate_series(1, {r.choice([0, 2, 3, 120])})"
    if r.random() < 0.3:
        value = literal(r)
        same = value.rpartition("::")[2]
        if re.fullmatch(r"[\w.]+(\[\])?", same):
            return f"select * from (values ({value}), (null::{same}), ({value})) as x (col)"
    return f"select {columns}"


def broken(r):
    """A statement with an extra word at some place."""
    statement = r.choice(PLAIN + CHANGES + ["select 'é日',\n  id\nfrom t\nwhere v = 'x'",
                                            "select 1; select 2; select 3"])
    at = r.randrange(len(statement) + 1)
    return statement[:at] + " " + r.choice(TOKENS).replace("%%", "%") + " " + statement[at:]


def several(r):
    pool = PLAIN + CHANGES + ERRORS[:12] + TRANSACTIONS + SETTINGS + NOTHING
    return r.choice(["; ", ";", ";\n"]).join(r.choice(pool) for _ in range(r.randrange(2, 4)))


def any_text(r):
    """A text without arguments."""
    return r.choices(
        [lambda: r.choice(PLAIN), lambda: r.choice(CHANGES), lambda: r.choice(ERRORS), lambda: r.choice(TRANSACTIONS),
         lambda: r.choice(SETTINGS), lambda: r.choice(NOTHING), lambda: selection(r), lambda: broken(r),
         lambda: several(r),
         lambda: r.choice(COPIES)],
        [6, 6, 4, 3, 3, 1, 6, 2, 3, 0.4])[0]()


def with_arguments(r, value=scalar):
    """A text with placeholders and the arguments for it; at times they do not fit."""
    shape = r.randrange(10)
    if shape == 0:
        return "select %s", [value(r)]
    if shape == 1:
        return "select %s, %s", tup(value(r), value(r))
    if shape == 2:
        return "select %(a)s, %(b)s, %(a)s", mapping([["a", value(r)], ["b", value(r)], ["c", 1]])
    if shape == 3:
        return "insert into t values (%s, %s, %s) returning *", tup(r.choice([1, 30, 31, 32]), r.choice([13, 5, None]),
                                                                    text(r))
    if shape == 4:
        return "select %s::text, '100%%', %s", [text(r), value(r)]
    if shape == 5:
        return "select * from t where id in %s order by id", tup(tup(*[r.choice([1, 2, 3]) for _ in range(r.randrange(0,
            4))]))
    if shape == 6:
        return "select * from t where id = any(%s) order by id", tup([r.choice([1, 2,
            None]) for _ in range(r.randrange(0, 4))])
    if shape == 7:
        return "update t set v = %(v)s where id = %(id)s", mapping([["v", text(r)], ["id", r.choice([1, 2, 3, 99])]])
    if shape == 8:
        return "select pg_typeof(%s)::text, %s::text", tup(*[value(r)] * 2)
    return unfit(r, value)


def unfit(r, value):
    """Placeholders and arguments that do not match."""
    return r.choice([
        ("select %s", []), ("select %s", tup(1, 2)), ("select 1", [1]), ("select %s, %s", [1]), ("select %(a)s", [1]),
        ("select %s", mapping([["a", 1]])), ("select %(a)s", mapping([["b", 1]])), ("select %d", [1]), ("select %",
            [1]),
        ("select %(a", mapping([["a", 1]])), ("select %(a)", mapping([["a", 1]])), ("select '%'", [1]), ("select %s",
            None),
        ("select %s", 1), ("select %s", "ab"), ("select %s", "a"), ("select %x %s", [1]), ("select %%", []),
        ("select '%%'", None),
        ("select '%%'", []), ("select '%%s', %s", [1]), ("select %(a)s, %s", mapping([["a", 1]])), ("select %(a)d",
            mapping([["a", 1]])),
        ("select %(a b)s", mapping([["a b", value(r)]])), ("select %(é)s", mapping([["é", value(r)]])), ("select % s",
            [1]),
        ("select %()s", mapping([["", 1]])), ("select %s %", [1]), ("select %i", [1]), ("select %5s", [1]),
        ("select %b", [1]),
        ("select %t", [1]), ("select %s", arguments.wrong(r)), ("select %(a)s", arguments.anything(r)), ("select %s",
            arguments.anything(r)),
    ])
