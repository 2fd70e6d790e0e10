#!/usr/bin/env python3
"""Writes Tests/ApusValuesTests/Generated/ServerFixtures.swift: values in the text and binary formats of a running
PostgreSQL server. psql's usual options and environment variables select the server:

    python3 Scripts/generate-value-fixtures.py -h localhost -U postgres \\
        > Tests/ApusValuesTests/Generated/ServerFixtures.swift
"""

import random
import struct
import subprocess
import sys

chance = random.Random(20240229)


def doubles(count):
    values = []
    while len(values) < count:
        value = struct.unpack(">d", chance.randbytes(8))[0]
        if value == value and abs(value) != float("inf"):
            values.append(repr(value))
    values += [repr(chance.random()) for _ in range(count)]
    return values + [repr(chance.uniform(-1e6, 1e6)) for _ in range(count)]


def floats(count):
    values = []
    while len(values) < count:
        value = struct.unpack(">f", chance.randbytes(4))[0]
        if value == value and abs(value) != float("inf"):
            values.append(repr(value))
    return values


def numerics(count):
    values = []
    for _ in range(count):
        whole = str(chance.getrandbits(chance.randrange(1, 200)))
        fraction = "".join(chance.choice("0000123456789") for _ in range(chance.randrange(0, 30)))
        values.append(chance.choice(["", "-"]) + whole + ("." + fraction if fraction else ""))
    return values


def timestamps(count):
    return [
        f"{chance.randrange(1, 4700):04}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02} "
        f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}.{chance.randrange(10**6):06}"
        + chance.choice(["", "", "", " BC"])
        for _ in range(count)
    ]


def intervals(count):
    return [
        f"{chance.randrange(-30, 30)} months {chance.randrange(-3, 4)} days "
        f"{chance.randrange(-10**11, 10**11)} microseconds"
        for _ in range(count)
    ]


DATES = ["2000-01-01", "1999-12-31", "2024-02-29", "1900-03-01", "0001-01-01", "0001-12-31 BC", "4714-11-24 BC",
         "5874897-12-31", "9999-12-31", "10000-01-01", "infinity", "-infinity", "0004-02-29", "0005-02-28 BC"]
TIMESTAMPS = ["2000-01-01 00:00:00", "1999-12-31 23:59:59.999999", "294276-12-31 23:59:59.999999", "infinity",
              "4714-11-24 00:00:00 BC", "0001-01-01 00:00:00", "0001-12-31 23:59:59.5 BC", "-infinity",
              "2024-02-29 12:34:56.000001", "1970-01-01 00:00:00.1", "1937-06-01 12:00:00"]
ZONED = [text if "infinity" in text else text.replace(" BC", "+00 BC") if "BC" in text else text + "+00"
         for text in TIMESTAMPS if not text.startswith(("294276", "4714"))] + \
        ["294276-12-31 00:00:00+00", "4713-01-01 00:00:00+00 BC"]
TIMES = ["00:00:00", "24:00:00", "23:59:59.999999", "04:05:06.7", "12:00:00.000001", "23:59:60"]
INTERVALS = ["0", "1 year 2 months 3 days 4 hours 5 minutes 6.789 seconds", "-1 year -2 months 3 days -4:05:06",
             "1 day", "-1 day", "2 days", "1 month", "-1 month", "1 year", "-2 years", "1 second", "-0.000001 second",
             "1 hour", "-1 day 2 hours 3 minutes", "1 day -2 hours", "1 month -1 day", "-1 month 1 day 1 second",
             "178956970 years 7 months", "-178956970 years -8 months", "2147483647 days", "-2147483648 days",
             "9223372036854775807 microseconds", "-9223372036854775807 microseconds", "59.5 seconds",
             "2562047788 hours 54.775807 seconds"]
GROUPS = [
    ("int2", "", ["0", "1", "-1", "32767", "-32768"]),
    ("int4", "", ["0", "-1", "2147483647", "-2147483648", "1234567"]),
    ("int8", "", ["0", "-1", "9223372036854775807", "-9223372036854775808", "12345678", "123456789", "1234567890123456",
                  "12345678901234567"]),
    ("oid", "", ["0", "4294967295", "23"]),
    ("float4", "", ["0", "-0", "NaN", "Infinity", "-Infinity", "1e-45", "3.4028235e38", "1.1754944e-38", "0.1", "1e6",
                    "999999", "16777216", "1e-5", "0.0001"] + floats(40)),
    ("float8", "", ["0", "-0", "NaN", "Infinity", "-Infinity", "5e-324", "1.7976931348623157e308", "1e23", "9.5e-7",
                    "2.2250738585072014e-308", "2.225073858507201e-308", "0.1", "1e15", "123456789012345", "1e14",
                    "9007199254740993", "0.0001", "0.00001", "1e22", "8.41e21", "2e-16", "9.5367431640625e-07",
                    "1.2345e+30", "5.960464477539063e-08", "144115188075855870", "4503599627370496.5"] + doubles(25)),
    ("numeric", "", ["0", "0.0", "0.00000", "1", "-1", "10000", "100000000", "0.0001", "0.00001", "0.000100", "9999",
                     "1.50", "123456789.987654321", "NaN", "Infinity", "-Infinity", "1e20", "1.5e-10", "-0.5",
                     "10000.0001", "1" + "0" * 60, "0." + "0" * 60 + "1", "1234567890" * 12] + numerics(40)),
    ("bool", "", ["true", "false"]),
    ("text", "", ["", "abc", "a\"b\\c", "h\u00e9llo \U0001F426", " ", "NULL"]),
    ("bytea", "SET bytea_output = hex", ["", "\\x00", "\\x0001fe5c27ff", "\\x" + bytes(range(256)).hex()]),
    ("bytea", "SET bytea_output = escape", ["", "\\x00", "\\x0001fe5c27ff", "\\x" + bytes(range(256)).hex()]),
    ("date", "", DATES + [text[:10] for text in timestamps(20)]),
    ("time", "", TIMES),
    ("timetz", "", [time + zone for time in TIMES for zone in ["+00", "+05:30", "-15:59:59", "+15:59:59", "-08"]]),
    ("timestamp", "", TIMESTAMPS + timestamps(30)),
    *[("timestamptz", f"SET TimeZone = '{zone}'", ZONED + (timestamps(10) if zone == "UTC" else []))
      for zone in ["UTC", "Asia/Kolkata", "America/New_York", "Europe/Amsterdam", "<+15:59>-15:59"]],
    *[("interval", f"SET IntervalStyle = {style}", INTERVALS + intervals(15))
      for style in ["postgres", "postgres_verbose", "sql_standard", "iso_8601"]],
    ("uuid", "", ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
                  "01234567-89ab-cdef-fedc-ba9876543210"]),
    ("json", "", ['{"a": [1, null, "x"]}']),
    ("jsonb", "", ['{"a": [1, null, "x"]}', "1", '"\\u00e9"']),
    ("inet", "", ["0.0.0.0", "192.168.0.1", "192.168.0.1/24", "255.255.255.255/0", "::", "::1", "::1/64", "2001:db8::1",
                  "1:0:0:2:0:0:0:3", "1:0:0:2:0:0:3:4", "::ffff:1.2.3.4", "::1.2.3.4/96", "1:2:3:4:5:6:7:8",
                  "0:1:0:1:0:1:0:1", "fe80::", "1::", "0:0:0:0:0:1:0:0", "::2:0", "0:0:0:0:0:ffff:0:1", "::3",
                  "0:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:0", "1:2:3:4:5:6:0:0"]),
    ("cidr", "", ["10.0.0.0/8", "192.168.0.1/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "::1/128"]),
    ("macaddr", "", ["08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"]),
    ("macaddr8", "", ["08:00:2b:01:02:03:04:05", "00:00:00:00:00:00:00:00"]),
    ("int4[]", "", ["{}", "{1,-2,NULL}", "{{1,2},{3,4}}", "[0:1][-2:-1]={{1,2},{3,4}}", "{{{{{{7}}}}}}"]),
    ("text[]", "", ["{}", '{a,"",NULL,"NULL","null"}', '{"a,b","c\\"d","e\\\\f","{g}"," h","i j","\\t"}',
                    "{h\u00e9}", '{{"a b",c},{d,"e\\\\"}}', "{nul,nulls}"]),
    ("box[]", "", ["{(1,1),(0,0);(3,3),(2,2)}"]),
    ("float8[]", "", ["{NaN,-0,1e300,NULL}"]),
    ("int4range", "", ["empty", "[1,5)", "(,5)", "[1,)", "(,)"]),
    ("numrange", "", ["(1.5,2.50]", "[0,0]"]),
    ("tstzrange", "SET TimeZone = 'UTC'", ["[2024-01-01 00:00:00+00,2024-02-01 00:00:00+00)", "(,infinity]"]),
    ("int4multirange", "", ["{}", "{[1,3),[5,7)}", "{(,3),[5,)}"]),
    ("fixture_pair", "", ['(1,"a ""b"" \\\\c")', "(,)", '(2,"")', '(3,"x,y(z) \\t")', "(4,plain)"]),
]
SEND = {"fixture_pair": "record_send", "int4range": "range_send", "numrange": "range_send", "tstzrange": "range_send",
        "int4multirange": "multirange_send", "json": "json_send", "bool": "boolsend", "timetz": "timetz_send"}


def send(type_name):
    if type_name.endswith("[]"):
        return "array_send"
    if type_name in SEND:
        return SEND[type_name]
    underscored = {"date", "time", "timestamp", "timestamptz", "interval", "numeric", "uuid", "jsonb", "inet", "cidr",
                   "macaddr", "macaddr8"}
    return type_name + ("_send" if type_name in underscored else "send")


def literal(text):
    return "'" + text.replace("'", "''") + "'"


script = ["SET client_encoding = UTF8;", "SET extra_float_digits = 1;", "SET client_min_messages = warning;",
          "CREATE TEMPORARY TABLE fixture_pair (number int4, word text);"]
for type_name, setting, texts in GROUPS:
    script.append("SET TimeZone = 'UTC'; SET DateStyle = ISO; SET IntervalStyle = postgres;")
    # The values are read under the settings above and written under the group's own.
    script.append("DROP TABLE IF EXISTS pg_temp.fixtures;")
    rows = ", ".join(f"({number}, {literal(text)}::{type_name})" for number, text in enumerate(texts))
    script.append(f"CREATE TEMPORARY TABLE fixtures AS SELECT * FROM (VALUES {rows}) AS t (number, value);")
    script.append(setting + ";")
    label = type_name + ("|" + setting.split("= ")[-1].strip("'") if setting else "|")
    script.append(f"SELECT {literal(label)}, format('%s', value), encode({send(type_name)}(value), 'hex') FROM fixtures"
                  " ORDER BY number;")

command = ["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-R", "\x1e", "-v", "ON_ERROR_STOP=1"] + sys.argv[1:]
output = subprocess.run(command, input="\n".join(script), check=True, stdout=subprocess.PIPE, text=True).stdout

print("// Generated by Scripts/generate-value-fixtures.py from a running PostgreSQL server; do not edit.\n// swift-format-ignore-file\n")
print("/// A value as the server writes it: its type, the setting it was written under, text, binary in hexadecimal.")
print("struct ServerFixture: Sendable {")
print("    var type: String\n    var setting: String\n    var text: String\n    var binary: String\n}\n")
print("let serverFixtures: [ServerFixture] = [")
for record in output.replace("\n", "\x1e").split("\x1e"):
    if not record:
        continue
    label, text, binary = record.split("\x1f")
    type_name, setting = label.split("|")
    print(f'    .init(type: "{type_name}", setting: "{setting}", text: ##"{text}"##, binary: "{binary}"),')
print("]")
