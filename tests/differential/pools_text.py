"""Arguments for functions on text, bytes and containers: see :mod:`tests.differential.pools`."""

from __future__ import annotations

# ruff: noqa: E501, SIM905
TEXT_ARGUMENTS: dict[tuple[str, int], list[str]] = {
    ("char_bpchar", 0): ["a", "", "Z"],
    ("repeat", 1): ["0", "1", "3", "-1", "2147483647", "-2147483648"],
    ("lpad", 1): ["0", "1", "2", "3", "7", "20", "-1", "2147483647", "-2147483648"],
    ("lpad", 2): ["", " ", "xy", "äöü"],
    ("rpad", 1): ["0", "1", "2", "3", "7", "20", "-1", "2147483647", "-2147483648"],
    ("rpad", 2): ["", " ", "xy", "äöü"],
    ("bpchar", 1): ["-1", "5", "6", "8", "14"],
    ("varchar", 1): ["-1", "5", "6", "8", "14"],
    ("bit", 1): ["-1", "0", "1", "3", "8", "12"],
    ("varbit", 1): ["-1", "0", "1", "3", "8", "12"],
    ("bitfromint4", 1): ["-1", "1", "3", "31", "32", "33", "40"],
    ("bitfromint8", 1): ["-1", "1", "3", "63", "64", "65", "70"],
    ("binary_encode", 1): ["hex", "base64", "escape", "HEX", "base32"],
    ("binary_encode", 0): ["\\x", "\\x00", "\\xff41", "\\x616263", "\\x5c27", "\\x" + "0abb" * 60],
    ("binary_decode", 1): ["hex", "base64", "escape", "nosuch"],
    ("binary_decode", 0): ["", "ab cd", "abc", "YWJj", "YWJjZA==", "YW Jj\nZA==", "YQ=", "Y===", "=",
                           "\\001", "a\\\\b", "\\9", "äx", "YQ==YQ==", "0g"],
    ("pg_convert_to", 1): ["UTF8", "latin1", "LATIN9", "WIN1252", "SQL_ASCII", "nosuch", "EUC_JP"],
    ("pg_convert_from", 1): ["UTF8", "latin1", "WIN1252", "SQL_ASCII", "nosuch"],
    ("pg_convert", 1): ["UTF8", "latin1", "nosuch"],
    ("pg_convert", 2): ["UTF8", "latin1", "WIN1251", "nosuch"],
    ("length_in_encoding", 1): ["UTF8", "latin1", "nosuch"],
    ("unicode_normalize_func", 1): ["NFC", "nfd", "NFKC", "NFKD", "x"],
    ("unicode_is_normalized", 1): ["NFC", "nfd", "NFKC", "NFKD", "x"],
    ("unistr", 0): ["", "abc", "\\0041", "\\u0041x", "\\+000041", "\\U00000041", "\\\\", "\\z",
                    "\\d83d\\de00", "\\d83d", "\\de00", "\\0000", "\\U00110000", "a\\d83db"],
    ("quote_ident", 0): ["", "a", "A b", "select", "x\"y", "äöü", "_a1", "1a", "a$b", "int", "between"],
    ("text_format", 0): ["", "%%", "%s", "%I-%L", "%5s|%-5s|", "%2$s %1$s", "%s %s %s %s", "%", "%x",
                         "%0$s", "%*s", "%*1$s", "%1$*2$s", "%-*s", "%5", "%99999999999s", "%1$", "%-%",
                         "%L", "%1$-4L|", "%*2s", "%1$5s %s"],
    ("text_format_nv", 0): ["", "%%", "%s", "abc", "%", "a%%b%"],
    ("initcap", 0): ["hello world", "HELLO", "ab1c d-e f_g", "äöü éa", "", "ßa ǆa", "x'y"],
    ("upper", 0): ["abc", "ABC", "äöüß", "ﬁ", "ǆ", "ΐ", "ᾳ", "ı", ""],
    ("lower", 0): ["abc", "ABC", "ÄÖÜẞ", "İ", "ΑΣ", "Ǆ", ""],
    ("casefold", 0): ["abc", "ABC", "ÄÖÜẞß", "İ", "ΑΣς"],
    ("translate", 1): ["", "a", "abc", "ba", "aa", "ä"],
    ("translate", 2): ["", "x", "xy", "xyz"],
    ("split_part", 0): ["", "a,b,c", "abc", ",", "a,,c", "abXcdXX"],
    ("split_part", 1): ["", ",", "X", "XX", "abc", "ä"],
    ("split_part", 2): ["0", "1", "2", "3", "-1", "-2", "-4", "9", "2147483647", "-2147483648"],
    ("text_to_array", 0): ["", "a,b,c", "abc", ",", "a,,c", "äbc"],
    ("text_to_array", 1): ["", ",", "b", ",,"],
    ("text_to_array_null", 0): ["", "a,b,c", "abc", ",", "a,,c", "äbc"],
    ("text_to_array_null", 1): ["", ",", "b", ",,"],
    ("text_to_array_null", 2): ["", "a", "b"],
    ("text_to_table", 0): ["", "a,b,c", "abc", ",", "a,,c", "äbc"],
    ("text_to_table", 1): ["", ",", "b", ",,"],
    ("array_to_text", 1): ["", ",", "-x-"],
    ("array_to_text_null", 1): ["", ",", "-x-"],
    ("array_to_text_null", 2): ["", "*", "NULL"],
}  # fmt: skip
_LIKED = ["", "a", "abc", "abcabc", "ABC", "aXbXc", "a%b", "a_b", "äöü", "a\\b", "ab\ncd", "%", "Äb"]
_PATTERNS = ["", "%", "_", "a%", "%c", "%b%", "a_c", "abc", "ABC", "%a%b%c%", "__", "_%_", "a\\%b",
             "a\\_b", "%\\", "ab\\", "\\a%", "ä%", "Ä_", "%%", "a\\\\b", "%X%X%", "_b%\\"]
for _name in ("textlike", "textnlike", "texticlike", "texticnlike", "namelike", "namenlike",
              "nameiclike", "nameicnlike"):
    TEXT_ARGUMENTS[_name, 0] = _LIKED
    TEXT_ARGUMENTS[_name, 1] = _PATTERNS
for _name in ("nameiclike", "nameicnlike"):  # a name's own collation knows ASCII only
    TEXT_ARGUMENTS[_name, 0] = [text for text in _LIKED if text.isascii()]
for _name in ("bytealike", "byteanlike"):
    TEXT_ARGUMENTS[_name, 0] = ["", "abc", "a%b", "\\xff0041", "ab"]
    TEXT_ARGUMENTS[_name, 1] = ["", "%", "a%", "_b_", "\\xff25", "a\\\\%b", "%\\\\"]
TEXT_ARGUMENTS["like_escape", 0] = [*_PATTERNS, "a#%b", "##", "#"]
TEXT_ARGUMENTS["like_escape", 1] = ["", "#", "\\", "ab", "%", "ä"]
_SEARCHED = ["", "abc", "foobarbequebaz", "a1b22c333", "AbC", "äöü", "a\nb", "aaa", "the quick  fox"]
_REGEXES = ["", "b", "o", "(b)(a)?", "[0-9]+", "\\s+", "a*", "^a", "x", "(", "a{1", "(?i)B", "\\d", "a|b", ".",
            "(.)\\1", "[[:alpha:]]+", "b(.*?)b", "(foo)(bar)?", "a+?", "\\m", "$", "Ö"]
_LETTERS = ["", "g", "i", "n", "x", "gi", "z", "q", "s", "t", "w", "p", "e", "c"]
for _name in (
    "regexp_count regexp_count_no_flags regexp_count_no_start regexp_instr regexp_instr_no_endoption "
    "regexp_instr_no_flags regexp_instr_no_n regexp_instr_no_start regexp_instr_no_subexpr regexp_like "
    "regexp_like_no_flags regexp_match regexp_match_no_flags regexp_matches regexp_matches_no_flags "
    "regexp_split_to_array regexp_split_to_array_no_flags regexp_split_to_table "
    "regexp_split_to_table_no_flags regexp_substr regexp_substr_no_flags regexp_substr_no_n "
    "regexp_substr_no_start regexp_substr_no_subexpr textregexsubstr textregexreplace "
    "textregexreplace_noopt textregexreplace_extended textregexreplace_extended_no_flags "
    "textregexreplace_extended_no_n textregexeq textregexne texticregexeq texticregexne"
).split():
    TEXT_ARGUMENTS[_name, 0] = _SEARCHED
    TEXT_ARGUMENTS[_name, 1] = _REGEXES
    if _name.startswith("textregexreplace"):
        TEXT_ARGUMENTS[_name, 2] = ["", "X", "[\\1]", "<\\&>", "\\\\", "\\2\\9\\", "\\z"]
        TEXT_ARGUMENTS[_name, 3] = ["1", "2", "0", "-1", "4"] if "extended" in _name else [*_LETTERS, "1"]
        TEXT_ARGUMENTS[_name, 4] = ["0", "1", "2", "-1", "5"]
        TEXT_ARGUMENTS[_name, 5] = _LETTERS
    elif _name.startswith(("regexp_count", "regexp_instr", "regexp_substr")):
        TEXT_ARGUMENTS[_name, 2] = ["1", "2", "0", "-1", "4", "20"]
        TEXT_ARGUMENTS[_name, 3] = _LETTERS if "count" in _name else ["1", "2", "0", "-1", "3"]
        TEXT_ARGUMENTS[_name, 4] = ["0", "1", "2", "-1"] if "instr" in _name else _LETTERS
        TEXT_ARGUMENTS[_name, 5] = _LETTERS if "instr" in _name else ["0", "1", "2", "-1"]
        TEXT_ARGUMENTS[_name, 6] = ["0", "1", "2", "-1", "3"]
    else:
        TEXT_ARGUMENTS[_name, 2] = _LETTERS
_SIMILAR = ["", "a%", "_b", "[a-c]%", "[]a]", "[^]%]", "a|b", "(ab)*", "#%", "a\\%", "#\"a#\"b", "[a\\]]",
            "\\\"a\\\"b\\\"", "a.b^c$", "[[:alpha:]_]", "[^^]x]"]
for _name in ("similar_to_escape_1", "similar_to_escape_2", "similar_escape"):
    TEXT_ARGUMENTS[_name, 0] = _SIMILAR
    TEXT_ARGUMENTS[_name, 1] = ["", "#", "\\", "ab", "ä"]
TEXT_ARGUMENTS["array_fill", 1] = ["{}", "{2}", "{0}", "{2,3}", "{NULL}", "{-1}", "{{1,2}}", "{1,1,1,1,1,1,1}"]
TEXT_ARGUMENTS["array_fill_with_lower_bounds", 1] = TEXT_ARGUMENTS["array_fill", 1]
TEXT_ARGUMENTS["array_fill_with_lower_bounds", 2] = ["{}", "{1}", "{0,-3}", "{NULL}", "{{1,2}}"]
TEXT_ARGUMENTS["trim_array", 1] = ["0", "1", "2", "3", "-1", "9"]
TEXT_ARGUMENTS["range_constructor3", 2] = ["[]", "[)", "(]", "()", "x", ""]
_PICTURES = ["9", "99", "999.99", "FM999.99", "000.00", "FM000.0099", "9,999,999", "9G999D99", "S999", "999S", "MI999",
             "999MI", "PL999", "SG999", "999PR", "RN", "FMrn", "999th", "999TH", "9.99EEEE", "99V99", "L999", "B99",
             "FM9.9", "9.9", "0.9", "FM0.99", "99999999999999999999.99", "\"num\"999", "FM9999999990.0", "x9y9z", "",
             "S9.99", "9.99S", "FMS999.999", "999.", "FM999.", "9990.09", "99 999", "FM99PR", "0999", "9.9.9", "SS9",
             "99.9V", "RNRN", "PR9", "FM9,999.99", "SP9", "C9", "FM90.99", "\\\"9", "FMSG99.9", "9.", "0.,", "99D,", "FM9.PL"]
for _name in ("int4_to_char", "int8_to_char", "numeric_to_char", "float4_to_char", "float8_to_char"):
    TEXT_ARGUMENTS[_name, 1] = _PICTURES
_NUMBERS = ["0", "1", "-1", "12", "-12", "123", "485", "3999", "1234567"]
TEXT_ARGUMENTS["int4_to_char", 0] = [*_NUMBERS, "2147483647", "-2147483648"]
TEXT_ARGUMENTS["int8_to_char", 0] = [*_NUMBERS, "9223372036854775807"]
TEXT_ARGUMENTS["numeric_to_char", 0] = [*_NUMBERS, "0.5", "-0.5", "1.25", "-1.255", "99.999", "123.456", "0.1", "-0.01",
                                        "NaN", "Infinity", "-Infinity", "1e20", "0.000123", "111", "12.0"]
TEXT_ARGUMENTS["float8_to_char", 0] = TEXT_ARGUMENTS["numeric_to_char", 0]
TEXT_ARGUMENTS["float4_to_char", 0] = TEXT_ARGUMENTS["numeric_to_char", 0]
TEXT_ARGUMENTS["numeric_to_number", 0] = ["", "1", "-1", "12.34", " 12", "12-", "-12.5", "1,234", "<12>", "$12", "12th", "MCMXC", "xiv",
                                          "IIII", "abc", "+5", "1 2", "12.345", "1234567", "5.01-", "+ 5", "- 5", "IC", "0.1"]
TEXT_ARGUMENTS["numeric_to_number", 1] = _PICTURES
TEXT_ARGUMENTS["inet_set_masklen", 1] = ["-1", "0", "8", "24", "32", "33", "64", "128", "129", "-2"]
TEXT_ARGUMENTS["cidr_set_masklen", 1] = TEXT_ARGUMENTS["inet_set_masklen", 1]
TEXT_ARGUMENTS["cidr_abbrev", 0] = ["192.168.1.0/24", "10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "::/0", "2001:db8::/32",
                                    "1.2.3.4/32", "128.0.0.0/1", "2001:db8:1:2::/64", "::1/128", "fe80::/10",
                                    "1:2:3:4:5:6:7:8/128", "::ffff:1.2.3.4/128", "1:0:0:4::/64"]
_PLACES = ["(0,0)", "(1,2)", "(-3,4.5)", "(0.5,0.5)", "(1e300,1e300)", "(NaN,1)", "(Infinity,0)", "(1,1)", "(2,0)"]
TEXT_POOLS: dict[str, list[str]] = {
    "point": _PLACES,
    "box": ["(1,1),(0,0)", "(3,4),(-1,-2)", "(2,2),(1,1)", "(0.5,0.5),(0.2,0.2)", "(1e200,1e200),(-1e200,0)"],
    "circle": ["<(0,0),1>", "<(1,2),3.5>", "<(0,0),0>", "<(10,10),1>", "<(1,0),1>"],
    "lseg": ["[(0,0),(1,1)]", "[(1,2),(3,4)]", "[(0,0),(0,5)]", "[(1,1),(1,1)]", "[(0,1),(5,1)]", "[(1,0),(0,1)]"],
    "path": ["[(0,0),(1,1),(2,0)]", "((0,0),(1,1),(2,0))", "((0,0),(4,0),(4,4),(0,4))", "[(1,1),(2,2)]"],
    "polygon": ["((0,0),(1,1),(2,0))", "((0,0),(0,4),(4,4),(4,0))", "((10,10),(11,11),(12,10))", "((1,1))"],
    "line": ["{1,-1,0}", "{0,1,2}", "{1,0,-1}", "{2,-2,3}", "{1,1,-4}", "{0,-2,-4}"],
    "_daterange": ["{}", '{"[2000-01-01,2000-02-01)"}'],
    "_int8range": ["{}", '{"[1,3)","[2,9)"}'],
}
TEXT_ARGUMENTS["circle_poly", 0] = ["-1", "1", "2", "3", "12", "7"]
TEXT_SKIP = {"uuidv7_interval", "array_sample", "array_shuffle"}
TEXT_ARGUMENTS["parse_ident", 0] = ["a", "A.b", '"A".b', "a.", ".a", "", " a . b ", '"', '""', "a b", "1a", "a$1.ä", '"a""b"']
