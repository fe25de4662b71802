"""Values of every built-in type that are worth trying, as text that the server reads.

``CASES``: SQL type → literals. A literal may begin with ``sql:`` and is then an expression.
``{name}`` types are made by ``SETUP``.
"""

from __future__ import annotations

INTS = ["0", "1", "-1", "7", "10", "99", "-100", "12345"]
FLOATS = [
    "0", "-0", "1", "-1.5", "0.1", "1e15", "123456789012345", "999999999999999", "1e14", "1e16",
    "1e-4", "1e-5", "0.00012345", "1e23", "-1e23", "9007199254740993", "1.7976931348623157e308",
    "2.2250738585072014e-308", "5e-324", "NaN", "inf", "-inf", "3.141592653589793", "1e100",
    "123456.789", "4.35", "0.3", "1234567890123456", "9999999999999998", "5e22", "2e23", "8.5e22",
    "9.5367431640625e-7", "1e21", "1e22", "4611686018427387904", "9223372036854775808",
]  # fmt: skip
SINGLES = [
    "0", "-0", "1", "0.1", "1e6", "999999", "1234567", "1e5", "1e-4", "1e-5", "16777216",
    "16777217", "3.4028235e38", "1.17549435e-38", "1e-45", "NaN", "inf", "-inf", "3.14159265",
    "0.3", "1e10", "8388608.5", "33554432", "1e20", "1.1754942e-38", "7.0064923e-45", "2.5e-44",
    "9.8e-45", "67108864", "5e9", "8.5e9", "1e38", "6.3e-42",
]  # fmt: skip
NUMERICS = [
    "0", "0.0", "0.000", "1", "-1", "10", "9999", "10000", "10001", "99999999", "100000000",
    "0.1", "0.0001", "0.00001", "0.00010", "-0.00000001", "12345.6789", "1234567890.0987654321",
    "1e100", "1e-100", "-123e20", "NaN", "1.50", "100.00", "0.10", "123456789012345678901234567890",
    "5.0000", "1e131071", "1e-16383", "1e300", "0.5e-63", "0.5e-64", "1000000000000.00000000001",
    "99999999.9999", "-99999999.99990000", "1e252", "1e256", "1e-252", "1e-256", "12345678.00",
]  # fmt: skip
TEXTS = [
    "", "a", "hello world", "NULL", "null", "a,b", 'say "hi"', "back\\slash", "{curly}", "(paren)",
    "tab\there", "new\nline", " lead", "trail ", "héllo", "日本語", "'quote'", "a=>b", "😀",
    "\x01\x1f",
    "x" * 300, "[br]", "é", "\\", '"', "\r", "\x0b\x0c",
]  # fmt: skip
DATES = [
    "2000-01-01", "1999-12-31", "2024-02-29", "1970-01-01", "0001-01-01", "0001-12-31 BC",
    "4714-11-24 BC", "5874897-12-31", "9999-12-31", "10000-01-01", "1582-10-15", "1900-02-28",
    "2100-03-01", "infinity", "-infinity", "0044-03-15 BC", "1883-11-18",
]  # fmt: skip
TIMES = ["00:00", "23:59:59.999999", "24:00:00", "12:34:56", "12:34:56.7", "01:02:03.000001",
         "04:05:06.120"]  # fmt: skip
STAMPS = [
    "2000-01-01 00:00:00", "1999-12-31 23:59:59.999999", "2024-02-29 12:34:56.5",
    "1970-01-01 00:00:00", "0001-01-01 00:00:00", "0001-12-31 23:59:59 BC",
    "4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999", "9999-12-31 23:59:59",
    "10000-01-01 00:00:00", "infinity", "-infinity", "1883-11-18 12:03:57", "1900-01-01 00:00:00",
    "2038-01-19 03:14:08", "2045-07-04 12:00:00.25", "2500-01-15 00:00", "2500-07-15 00:00",
    "1945-06-01 00:00", "1880-01-01 00:00:00.123", "2024-03-31 00:59:59", "2024-03-31 01:00:00",
    "2024-10-27 00:59:59", "2024-10-27 01:00:00", "12024-07-01 00:00", "1847-12-01 00:01",
]  # fmt: skip
INTERVALS = [
    "0", "1 day", "-1 day", "1 mon", "-1 mon", "1 year", "13 mons", "-13 mons", "1 hour",
    "-1 hour", "00:00:00.000001", "-00:00:00.5", "1 day -1 hour", "-1 day 1 hour",
    "1 year 2 mons -3 days 04:05:06.789", "-1 year -2 mons +3 days -04:05:06.789",
    "1 mon -1 day", "-1 mon 1 day", "178000000 years", "-178000000 years", "100:00:00",
    "2147483647 days", "-2147483648 days", "1 sec", "-1 sec", "1.5 sec", "1 min", "1 min 1 sec",
    "-1 min 1 sec", "1 day 00:00:00.1", "12:34:56", "1 year 1 sec", "2 years -1 sec",
    "-1 year 1 day 1 sec", "99 hours 59 min 59.999999 sec", "1 day -00:00:00.5",
    "1 mon 1 day 1 sec", "1 mon -1 sec", "2562047788 hours",
]  # fmt: skip

CASES: dict[str, list[str]] = {
    "int2": [*INTS, "32767", "-32768"],
    "int4": [*INTS, "2147483647", "-2147483648"],
    "int8": [*INTS, "9223372036854775807", "-9223372036854775808"],
    "oid": ["0", "1", "4294967295"],
    "xid": ["0", "3", "4294967295"],
    "cid": ["0", "4294967295"],
    "xid8": ["0", "18446744073709551615", "4294967296"],
    "tid": ["(0,0)", "(4294967295,65535)", "(65536,1)"],
    "pg_lsn": ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"],
    "bool": ["t", "f"],
    "float8": FLOATS,
    "float4": SINGLES,
    "numeric": NUMERICS,
    "numeric(10,3)": ["0", "1.0005", "-9999999.999", "NaN", "0.0004"],
    "money": ["0", "1", "-1", "0.05", "-0.05", "1234.56", "-1234567.89", "92233720368547758.07",
              "-92233720368547758.08"],
    "text": TEXTS,
    "varchar": TEXTS,
    "varchar(5)": ["", "abc", "héllo", "日本語"],
    "char(6)": ["", "abc", "héllo", "日本語"],
    "bpchar": ["", "abc ", "x"],
    "name": ["", "abc", "héllo", "a b", "x" * 63, "日本語"],
    '"char"': ["", "a", "0", "\\", "\\377", "\\200"],
    "bytea": ["\\x", "\\x00", "\\xdeadbeef", "\\x5c", "\\x275c220a09", "\\x7f80ff20", "abc"],
    "date": DATES,
    "time": TIMES,
    "timetz": ["00:00+00", "23:59:59.999999-15:59", "24:00:00+05:30", "12:34:56.7-08",
               "12:34:56+01:02:03", "01:02:03.000001-00:30", "04:05:06+15:59:59"],
    "timestamp": STAMPS,
    "timestamptz": [s if "inf" in s else s + "+00" for s in STAMPS if "294276" not in s]
    + ["294276-12-31 12:00:00+00"],
    "interval": INTERVALS,
    "uuid": ["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
             "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "json": ['{"a":1}', " [1, 2,\n3]", '"x"', "null", '{"a":{"b":[]}}'],
    "jsonb": [
        "{}", "[]", "null", "true", "false", "1", "-1.50", '"x"', '""', "[1]", "[[]]", "[{}]",
        '{"a":1}', '{"b":1,"a":2,"aa":3,"":4}', '{"a":{"b":{"c":[1,2,{"d":null}]}}}',
        '["a","\\u00e9","\\ud83d\\ude00","\\"","\\\\","/","\\b\\f\\n\\r\\t","\\u0001"]',
        "[1e10,1.0,0.00001,12345678901234567890.123]", '{"k":[true,false,null]}',
        "[" + ",".join(map(str, range(100))) + "]",
        "{" + ",".join(f'"key{i}":"v{i}"' for i in range(70)) + "}",
        '[1,"a",2,"bb",3,"ccc",4,"dddd",5]', '{"日本":"語"}', "[[[[[1]]]]]",
        '["x",{"y":["z",[1.5]]},"w"]',
    ],
    "jsonpath": [
        "$", "$.a", "strict $.a.b", '$."a b"', "$[*]", "$[0,1 to 3]", "$[last]", "$.*", "$.**",
        "$.**{2}", "$.**{2 to 5}", "$.**{last}", "$.**{3 to last}", "$.a ? (@ > 1)",
        "$.a ? (@.b == 1 && @.c != 2 || !(@.d < 3))", "$.a + 1 * 2", "($.a + 1) * 2", "-$.a",
        '$ ? (@ like_regex "^a" flag "iq")', '$ ? (@ starts with "x")', "$.a.size()",
        "$ ? (exists (@.a))", "$ ? ((@ > 1) is unknown)", "$.a.type()", "$x", '$"x y"', "1", "1.5",
        '"str"', "true", "null", "$.datetime()", '$.datetime("HH24")', "$.keyvalue()", "$.double()",
        "$.abs().floor().ceiling()", "(1).type()", "$.a - -1", "$.a % 3 / 2", "$[$.a]",
        "$.a[last - 1]", "+$.x", "-1",
    ],
    "bit(5)": ["10101", "00000"],
    "bit(8)": ["10101010"],
    "varbit": ["", "1", "0101", "111111111", "sql:repeat('10',50)::varbit"],
    "inet": [
        "0.0.0.0", "192.168.1.1", "192.168.1.1/24", "255.255.255.255/32", "10.0.0.0/0", "::",
        "::1", "::1/64", "fe80::1", "2001:db8::1:0:0:1", "::ffff:1.2.3.4", "::1.2.3.4", "1::",
        "1:0:0:2::", "::ffff:0:0", "1:2:3:4:5:6:7:8", "::2", "0:0:1::", "::1:2", "::5:1.2.3.4",
        "0:0:0:0:0:ffff:1:2", "1:0:2:0:3:0:4:0", "::8000:0/97",
    ],
    "cidr": ["0.0.0.0/0", "192.168.1.0/24", "10", "10.1/16", "::/0", "fe80::/10", "1.2.3.4/32",
             "::ffff:1.2.3.0/120"],
    "macaddr": ["08:00:2b:01:02:03", "ffffffffffff"],
    "macaddr8": ["08:00:2b:01:02:03:04:05", "08002b010203"],
    "point": ["(0,0)", "(1.5,-2.5)", "(1e20,1e-20)", "(NaN,Infinity)", "(-0,0.1)"],
    "lseg": ["[(0,0),(1,1)]", "[(1,2),(-3,-4.5)]"],
    "box": ["(0,0),(1,1)", "(3,4),(1,2)"],
    "path": ["[(0,0),(1,1)]", "((0,0),(1,1),(2,0))", "((5,5))"],
    "polygon": ["((0,0),(1,1),(2,0))", "((1,1))"],
    "line": ["{1,2,3}", "{1,-1,0}", "[(0,0),(1,2)]"],
    "circle": ["<(0,0),1>", "<(1.5,-2),3e10>"],
    "tsvector": ["", "a", "a:1 b:2", "'a b':1A,2B 'c''d':3C e:4D,5", "a:1,1,2A b:3 c", "'\\\\x'",
                 "日本:1 é:2", "aaa:1 bb:2 c:3 dddd"],
    "tsquery": [
        "", "a", "a & b", "a | b & c", "(a | b) & c", "!a", "!(a & b)", "a <-> b", "a <3> b",
        "a <-> (b <-> c)", "(a <-> b) <-> c", "'a b':*AB & c:D", "!!a", "a & !b | c", "'it''s'",
        "a <0> b", "!(a | b) & !c", "(a | b) <-> c", "é & 日本", "a:* <-> b:C",
    ],
    "txid_snapshot": ["10:20:10,14,15", "1:1:"],
    "pg_snapshot": ["10:20:10,14,15", "1:1:", "5:10:5,6,7"],
    "int2vector": ["", "1", "1 -2 3"],
    "oidvector": ["", "1", "1 2 4294967295"],
    "refcursor": ["abc", ""],
    "xml": ["<a/>", "<?xml version=\"1.0\"?><a>é</a>"],
    "aclitem": ["postgres=arwdDxt/postgres", "=r/postgres", "postgres=r*w*/postgres",
                'sql:makeaclitem(99999,10,\'SELECT\',false)', "\"we ird\"=U/postgres"],
    "regclass": ["pg_class", "-", "pg_toast.pg_toast_1255", "information_schema.tables", "99999",
                 '"Odd Table"', "information_schema.\"columns\""],
    "regproc": ["now", "-", "99999", "pg_catalog.abs" if False else "sql:'array_in'::regproc",
                "sql:1395::regproc"],
    "regprocedure": ["abs(integer)", "now()", "sum(numeric)", "-", "int4range(int4,int4,text)",
                     "array_cat(anycompatiblearray,anycompatiblearray)"],
    "regoper": ["sql:551::regoper", "0", "sql:374::regoper"],
    "regoperator": ["+(integer,integer)", "-(NONE,integer)", "0"],
    "regtype": ["integer", "-", "text[]", "timestamptz", '"char"', "bpchar", "varchar", "bit",
                "double precision[]", "time", "timetz", "interval", "name", "oidvector",
                "information_schema.sql_identifier", "record", "99999", "name[]", "mood", "pair[]"],
    "regrole": ["postgres", "-", '"we ird"'],
    "regnamespace": ["pg_catalog", "public", "-", '"Odd Schema"'],
    "regconfig": ["english", "simple", "-"],
    "regdictionary": ["simple", "english_stem", "-"],
    "regcollation": ['"C"', '"default"', '"POSIX"'],
    "int4[]": ["{}", "{1,2,3}", "{{1,2},{3,4}}", "{NULL,1}", "[0:1]={1,2}",
               "[-1:0][2:3]={{1,2},{3,NULL}}", "{{{1},{2}}}"],
    "text[]": ["{}", '{"",NULL,"NULL",null,"a b",a\\"b,"c\\\\d","{x}","x,y"}', "{héllo,日本}",
               '{{a,b},{c,"d e"}}', '{"\\t"," "}', '{"tab\there","nl\nx"}'],
    "int8[]": ["{1,2,NULL,-9223372036854775808}"],
    "numeric[]": ["{1.5,NaN,NULL,1e10}"],
    "box[]": ["{(1,1),(0,0);(3,3),(2,2)}"],
    "bool[]": ["{t,f,NULL}"],
    "timestamptz[]": ['{"2024-01-01 00:00:00+00",infinity}'],
    "bytea[]": ['{"\\\\xdead","\\\\x"}'],
    '"char"[]': ['{a,"\\\\","\\"","",NULL}'],
    "name[]": ["{a,b,NULL}"],
    "jsonb[]": ['{"{\\"a\\": 1}",NULL}'],
    "aclitem[]": ["{postgres=r/postgres,=U/postgres}"],
    "int4range": ["empty", "[1,5)", "(,)", "[1,]", "(,5]", "[3,3]"],
    "int8range": ["[1,5)", "(,9223372036854775807)"],
    "numrange": ["[1.5,2.5]", "(0,1)", "empty", "(,1.50]"],
    "daterange": ["[2024-01-01,2024-02-01)", "[2024-01-01,2024-01-31]", "(,infinity)",
                  "[-infinity,infinity]"],
    "tsrange": ["[2024-01-01 00:00,2024-01-02 12:34:56)", "(,)"],
    "tstzrange": ["[2024-01-01 00:00+00,2024-01-02 00:00+00]"],
    "int4multirange": ["{}", "{[1,5)}", "{[1,3),[5,7),(10,)}",
                       "{[1,2),[4,5),[7,8),[10,11),[13,14),[16,17)}"],
    "nummultirange": ["{[1.5,2.5],(3,4)}", "{}", "{[1,2),[3,4),[5,6),[7.123456789,8),[9,10)}"],
    "datemultirange": ["{[2024-01-01,2024-02-01),[2024-03-01,2024-04-01)}"],
    "tstzmultirange": ["{[2024-01-01 00:00+00,2024-01-02 00:00+00]}", "{}"],
    "mood": ["sad", "ok", "very happy", "日本"],
    "mood[]": ["{sad,\"very happy\"}"],
    "posint": ["1", "5"],
    "shortname": ["ab", "héllo"],
    "pair": ['(1,"a b")', "(,)", '(5,"")', '(-1,"q""uote")', '(3,"back\\\\slash")', "(7,日本)"],
    "pair[]": ['{"(1,a)","(2,\\"b c\\")"}', "{}"],
    "nested": ['("(1,x)","{1,2}",2024-01-01,)', '(,,,"[1,2)")'],
    "textrange": ['[a,b)', '["a b","c,d"]', '("",z)', "(,)"],
    "pairrange": ['["(1,a)","(2,b)")'],
    "textmultirange": ['{[a,b),["c d","e)f"]}'],
}  # fmt: skip
#: (type, literal) → the first major that treats it soundly.
SINCE = {("interval", "-2147483648 days"): 15, ("jsonpath", "(1).type()"): 15}

SETUP = """
CREATE ROLE "we ird";
CREATE SCHEMA "Odd Schema";
CREATE TABLE "Odd Table" (a int);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy', '日本');
CREATE DOMAIN posint AS int CHECK (value > 0);
CREATE DOMAIN shortname AS varchar(6);
CREATE TYPE pair AS (a int, b text);
CREATE TYPE nested AS (p pair, q int[], r date, s int4range);
CREATE TYPE textrange AS RANGE (subtype = text, collation = "C",
    multirange_type_name = textmultirange);
CREATE TYPE pairrange AS RANGE (subtype = pair);
"""
