"""Arguments for functions on json, jsonb and jsonpath: see :mod:`tests.differential.pools`."""

from __future__ import annotations

# ruff: noqa: E501
DOCUMENTS = [
    "null", "1", "1.50", "true", "false", "\"a\"", "\"\"", "[]", "{}", "[1, 2, [3]]", "[[1]]", "[1]", "[\"a\"]",
    "[\"a\", \"b\", null, 1.0]", "{\"a\": 1, \"b\": {\"c\": [1, 2, {\"d\": null}]}}", "[null, {\"x\": \"y\"}]",
    "{\"b\": null}", "{\"a\": [1, 2, 3], \"bb\": \"text\", \"\": {}}", "{\"a\": 1.0}", "{\"a\": 1, \"a\": 2}",
    "  [ 1 , { \"a\" : \"x\\ty\" } ]  ", "{\"k\\u00e4\": \"\\u00e4\\ud83d\\ude00\"}", "12345678901234567890.1234567890",
    "[1, \"1\", true, null, [], {}]", "{\"a\": {\"b\": {\"c\": 1}}}", "-0.0", "[1e3, 1000]", "\"b\"",
    "{\"a\": [{\"b\": 1}, {\"b\": 2}, {\"c\": null}], \"n\": null}", "[{}, [[]], [{\"a\": null}]]",
]
KEYS = ["a", "b", "", "0", "-1", "x", "bb", "c", "zz", "k\u00e4"]
PATHS = ["{}", "{a}", "{b,c}", "{b,c,0}", "{b,c,-1}", "{b,c,2,d}", "{0}", "{-1}", "{1,x}", "{2,0}", "{NULL}",
         "{a,NULL}", "{zz}", "{zz,yy}", "{5}", "{-9}", "{a,0}", "{a,b,c}", "{{a,b}}", "{x}", "{\"\"}", "{ 1}", "{1x}",
         "{2147483648}", "{a,5}", "{0,a}"]

JSON_ARGUMENTS: dict[tuple[str, int], list[str]] = {
    ("jsonb_set_lax", 4): ["raise_exception", "use_json_null", "delete_key", "return_target", "nosuch"],
}
for _kind in ("json", "jsonb"):
    for _name in ("set", "insert", "delete_path", "extract_path", "extract_path_text", "set_lax", "delete_array",
                  "exists_any", "exists_all"):
        JSON_ARGUMENTS[f"{_kind}_{_name}", 1] = PATHS
    for _name in ("object_field", "object_field_text", "delete", "exists"):
        JSON_ARGUMENTS[f"{_kind}_{_name}", 1] = KEYS
    for _name in ("array_element", "array_element_text", "delete_idx"):
        JSON_ARGUMENTS[f"{_kind}_{_name}", 1] = ["0", "1", "-1", "2", "-3", "7", "2147483647", "-2147483648"]
    for _name in ("object", "object_two_arg"):
        JSON_ARGUMENTS[f"{_kind}_{_name}", 0] = [
            "{}", "{a,b}", "{a,1,b,NULL}", "{a}", "{{a,1},{b,2}}", "{{a,b,c}}", "{NULL,1}", "{a,1,a,2}",
            "{{{a,b}},{{c,d}}}", "{\"x y\",\"q\\\"z\"}"]
    JSON_ARGUMENTS[f"{_kind}_object_two_arg", 1] = ["{}", "{1}", "{1,2}", "{{a,b}}", "{NULL,x}", "{1,2,3,4}"]

PATH_DOCUMENTS = [
    *DOCUMENTS, "{\"a\": [1, 2, 3, 4, 5], \"b\": {\"c\": \"abc\"}}", "[{\"a\": 1}, {\"a\": 2}, {\"b\": 3}, 12, \"str\"]",
    "[\"2024-02-29\", \"12:34:56\", \"12:34:56.789+02\", \"2024-02-29 12:34:56\", \"2024-02-29T12:34:56.123456+05:30\"]",
    "[\"10\", \"1.5\", \"x\", \"true\", \"inf\", 1.7, -2.5, null, true, 1e20]", "{\"t\": \"2024-02-29\", \"u\": \"2024-03-01 00:00:00+01\"}",
    "[[1, 2], [3, [4]], {\"a\": [5]}]", "[\"abc\", \"ABC\", \"a\\nb\", \"abd\", \"\", 1]", "{\"x\": {\"y\": {\"z\": [1, {\"z\": 2}]}}}"]
JSON_PATHS = [
    "$", "strict $", "$.a", "strict $.a", "$.a[*]", "strict $.a[*]", "$[*]", "strict $[*]", "$.*", "strict $.*", "$[0]", "$[last]", "$[0 to 1]",
    "$[last - 1 to last]", "strict $[5]", "strict $[0]", "$[1, 0]", "$[\"a\"]", "$[0.7]", "$[-1]", "$[100000000000]", "$.**", "$.**{1}", "$.**{2 to 3}",
    "$.**{last}", "strict $.**.a", "$.**.a", "$.a.b", "$.b.c", "strict $.b.zz", "$ ? (@ > 1)", "$[*] ? (@ > 1)", "$[*] ? (@.a > 1)",
    "$[*] ? (@ == \"abc\")", "$[*] ? (@ like_regex \"^a.c\")", "$[*] ? (@ like_regex \"^A\" flag \"i\")", "$[*] ? (@ like_regex \"a.b\" flag \"s\")",
    "$[*] ? (@ like_regex \"^b\" flag \"m\")", "$[*] ? (@ like_regex \"a.c\" flag \"q\")", "$[*] ? (@ starts with \"a\")",
    "$[*] ? (exists(@.a))", "strict $[*] ? (exists(@.a))", "$[*] ? (!(@ > 1))", "$[*] ? ((@ > 1) is unknown)", "$[*] ? (@ > 1 && @ < 5)",
    "$[*] ? (@ == null || @ == true)", "$[*] ? (@ != null)", "$.a + 1", "1 + 2 * 3", "$.a[0] - $.a[1]", "$.a / 0", "7 % 3", "10 / 4", "-$.a", "+$[*]", "- $[0]",
    "$.type()", "$[*].type()", "$.size()", "strict $.size()", "$[*].abs()", "$[*].floor()", "$[*].ceiling()", "$[*].double()", "$.a.double()",
    "$.keyvalue()", "$.keyvalue().id", "$[*].keyvalue()", "$.b.keyvalue()", "$.keyvalue().value.keyvalue()", "$[*].bigint()", "$[*].integer()", "$[*].boolean()",
    "$[*].number()", "$[*].decimal()", "$[*].decimal(4, 1)", "$[*].decimal(1)", "$[*].string()", "$[0].bigint()", "$[5].integer()", "$[3].boolean()", "$[1].decimal(5,2)",
    "$[*].datetime()", "$[0].datetime()", "$[0].datetime().type()", "$[1].datetime()", "$[2].datetime()", "$[3].datetime()", "$[4].datetime()", "$[4].datetime().type()",
    "$[0].datetime(\"YYYY-MM-DD\")", "$[0].datetime(\"DD\")", "$[*].date()", "$[0].date()", "$[1].time()", "$[2].time()", "$[2].time_tz()", "$[3].timestamp()",
    "$[3].timestamp(0)", "$[4].timestamp_tz(3)", "$[4].timestamp()", "$[4].date()", "$[0].timestamp_tz()", "$[1].time_tz()", "$[4].time_tz()", "$[2].time(1)", "$[4].string()",
    "$[4].datetime().string()", "$[3].timestamp().string()", "$[0].datetime() < $[3].datetime()", "$[0].datetime() < $[4].datetime()", "$[1].datetime() == $[2].datetime()",
    "$[0].datetime() == $[1].datetime()", "$.t.datetime() < $.u.datetime()", "$x", "$[*] ? (@ > $x)", "$x + 1", "$y.z", "$.a == 1", "$.a > 0", "$[*] > 2", "strict $[*] > 2",
    "$.a ? (@ > 2).type()", "exists($.a)", "(1 == 1)", "null", "true", "\"lit\"", "1.5.type()", "$.x.y.z[*]", "$.x.**.z", "strict $.x.**{1 to 2}.z", "$[*].a ? (@ >= 1)",
    "$[*][*]", "$[0][0]", "$[2].a[0]", "$ ? (@.a == 1).b", "$.a[*] ? (@ > $.a[0])", "lax $.a.type()", "$[*] ? (@.type() == \"number\")", "$ ? (@.size() > 2)", "$.a[$.a[0]]"]
VARIABLES = ["{}", "{\"x\": 1}", "{\"x\": 2, \"y\": {\"z\": [1]}}", "[]", "1"]
for _name in ("exists", "match", "query", "query_array", "query_first"):
    for _tz in ("", "_tz"):
        _function = f"jsonb_path_{_name}{_tz}"
        JSON_ARGUMENTS[_function, 0] = PATH_DOCUMENTS
        JSON_ARGUMENTS[_function, 1] = JSON_PATHS
        JSON_ARGUMENTS[_function, 2] = VARIABLES
for _name in ("jsonb_path_exists_opr", "jsonb_path_match_opr"):
    JSON_ARGUMENTS[_name, 0] = PATH_DOCUMENTS
    JSON_ARGUMENTS[_name, 1] = JSON_PATHS
