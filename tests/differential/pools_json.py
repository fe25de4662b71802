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
