"""The built-in types, for reading a directory before (or without) its own pg_type.

OIDs of built-in types never change, so the catalogs themselves can be read with these
rows; a directory's own pg_type is what counts as soon as it is open. The array type of
each row is derived from it. What differs between majors stands below the table.
"""

from __future__ import annotations

from functools import cache

from formats.version import ByMajor
from pgtool.types.info import RangeInfo, TypeInfo

__all__ = ["BUILTIN_RANGES", "builtin_types"]

#: oid, typname, typlen, typbyval, typalign, typstorage, typtype, typcategory, typdelim,
#: typelem, typarray, typcollation, source name of typoutput
_ROWS = """\
16 bool 1 1 c p b B , 0 1000 0 boolout
17 bytea -1 0 i x b U , 0 1001 0 byteaout
18 char 1 1 c p b Z , 0 1002 0 charout
19 name 64 0 c p b S , 18 1003 950 nameout
20 int8 8 1 d p b N , 0 1016 0 int8out
21 int2 2 1 s p b N , 0 1005 0 int2out
22 int2vector -1 0 i p b A , 21 1006 0 int2vectorout
23 int4 4 1 i p b N , 0 1007 0 int4out
24 regproc 4 1 i p b N , 0 1008 0 regprocout
25 text -1 0 i x b S , 0 1009 100 textout
26 oid 4 1 i p b N , 0 1028 0 oidout
27 tid 6 0 s p b U , 0 1010 0 tidout
28 xid 4 1 i p b U , 0 1011 0 xidout
29 cid 4 1 i p b U , 0 1012 0 cidout
30 oidvector -1 0 i p b A , 26 1013 0 oidvectorout
32 pg_ddl_command 8 1 d p p P , 0 0 0 pg_ddl_command_out
114 json -1 0 i x b U , 0 199 0 json_out
142 xml -1 0 i x b U , 0 143 0 xml_out
194 pg_node_tree -1 0 i x b Z , 0 0 100 pg_node_tree_out
269 table_am_handler 4 1 i p p P , 0 0 0 table_am_handler_out
325 index_am_handler 4 1 i p p P , 0 0 0 index_am_handler_out
600 point 16 0 d p b G , 701 1017 0 point_out
601 lseg 32 0 d p b G , 600 1018 0 lseg_out
602 path -1 0 d x b G , 0 1019 0 path_out
603 box 32 0 d p b G ; 600 1020 0 box_out
604 polygon -1 0 d x b G , 0 1027 0 poly_out
628 line 24 0 d p b G , 701 629 0 line_out
650 cidr -1 0 i m b I , 0 651 0 cidr_out
700 float4 4 1 i p b N , 0 1021 0 float4out
701 float8 8 1 d p b N , 0 1022 0 float8out
705 unknown -2 0 c p p X , 0 0 0 unknownout
718 circle 24 0 d p b G , 0 719 0 circle_out
774 macaddr8 8 0 i p b U , 0 775 0 macaddr8_out
790 money 8 1 d p b N , 0 791 0 cash_out
829 macaddr 6 0 i p b U , 0 1040 0 macaddr_out
869 inet -1 0 i m b I , 0 1041 0 inet_out
1033 aclitem 16 0 d p b U , 0 1034 0 aclitemout
1042 bpchar -1 0 i x b S , 0 1014 100 bpcharout
1043 varchar -1 0 i x b S , 0 1015 100 varcharout
1082 date 4 1 i p b D , 0 1182 0 date_out
1083 time 8 1 d p b D , 0 1183 0 time_out
1114 timestamp 8 1 d p b D , 0 1115 0 timestamp_out
1184 timestamptz 8 1 d p b D , 0 1185 0 timestamptz_out
1186 interval 16 0 d p b T , 0 1187 0 interval_out
1266 timetz 12 0 d p b D , 0 1270 0 timetz_out
1560 bit -1 0 i x b V , 0 1561 0 bit_out
1562 varbit -1 0 i x b V , 0 1563 0 varbit_out
1700 numeric -1 0 i m b N , 0 1231 0 numeric_out
1790 refcursor -1 0 i x b U , 0 2201 0 textout
2202 regprocedure 4 1 i p b N , 0 2207 0 regprocedureout
2203 regoper 4 1 i p b N , 0 2208 0 regoperout
2204 regoperator 4 1 i p b N , 0 2209 0 regoperatorout
2205 regclass 4 1 i p b N , 0 2210 0 regclassout
2206 regtype 4 1 i p b N , 0 2211 0 regtypeout
2249 record -1 0 d x p P , 0 2287 0 record_out
2275 cstring -2 0 c p p P , 0 1263 0 cstring_out
2276 any 4 1 i p p P , 0 0 0 any_out
2277 anyarray -1 0 d x p P , 0 0 0 anyarray_out
2278 void 4 1 i p p P , 0 0 0 void_out
2279 trigger 4 1 i p p P , 0 0 0 trigger_out
2280 language_handler 4 1 i p p P , 0 0 0 language_handler_out
2281 internal 8 1 d p p P , 0 0 0 internal_out
2283 anyelement 4 1 i p p P , 0 0 0 anyelement_out
2287 _record -1 0 d x p P , 2249 0 0 array_out
2776 anynonarray 4 1 i p p P , 0 0 0 anynonarray_out
2950 uuid 16 0 c p b U , 0 2951 0 uuid_out
2970 txid_snapshot -1 0 d x b U , 0 2949 0 pg_snapshot_out
3115 fdw_handler 4 1 i p p P , 0 0 0 fdw_handler_out
3220 pg_lsn 8 1 d p b U , 0 3221 0 pg_lsn_out
3310 tsm_handler 4 1 i p p P , 0 0 0 tsm_handler_out
3361 pg_ndistinct -1 0 i x b Z , 0 0 100 pg_ndistinct_out
3402 pg_dependencies -1 0 i x b Z , 0 0 100 pg_dependencies_out
3500 anyenum 4 1 i p p P , 0 0 0 anyenum_out
3614 tsvector -1 0 i x b U , 0 3643 0 tsvectorout
3615 tsquery -1 0 i p b U , 0 3645 0 tsqueryout
3642 gtsvector -1 0 i p b U , 0 3644 0 gtsvectorout
3734 regconfig 4 1 i p b N , 0 3735 0 regconfigout
3769 regdictionary 4 1 i p b N , 0 3770 0 regdictionaryout
3802 jsonb -1 0 i x b U , 0 3807 0 jsonb_out
3831 anyrange -1 0 d x p P , 0 0 0 anyrange_out
3838 event_trigger 4 1 i p p P , 0 0 0 event_trigger_out
3904 int4range -1 0 i x r R , 0 3905 0 range_out
3906 numrange -1 0 i x r R , 0 3907 0 range_out
3908 tsrange -1 0 d x r R , 0 3909 0 range_out
3910 tstzrange -1 0 d x r R , 0 3911 0 range_out
3912 daterange -1 0 i x r R , 0 3913 0 range_out
3926 int8range -1 0 d x r R , 0 3927 0 range_out
4072 jsonpath -1 0 i x b U , 0 4073 0 jsonpath_out
4089 regnamespace 4 1 i p b N , 0 4090 0 regnamespaceout
4096 regrole 4 1 i p b N , 0 4097 0 regroleout
4191 regcollation 4 1 i p b N , 0 4192 0 regcollationout
4451 int4multirange -1 0 i x m R , 0 6150 0 multirange_out
4532 nummultirange -1 0 i x m R , 0 6151 0 multirange_out
4533 tsmultirange -1 0 d x m R , 0 6152 0 multirange_out
4534 tstzmultirange -1 0 d x m R , 0 6153 0 multirange_out
4535 datemultirange -1 0 i x m R , 0 6155 0 multirange_out
4536 int8multirange -1 0 d x m R , 0 6157 0 multirange_out
4537 anymultirange -1 0 d x p P , 0 0 0 anymultirange_out
4538 anycompatiblemultirange -1 0 d x p P , 0 0 0 anycompatiblemultirange_out
4600 pg_brin_bloom_summary -1 0 i x b Z , 0 0 100 brin_bloom_summary_out
4601 pg_brin_minmax_multi_summary -1 0 i x b Z , 0 0 100 brin_minmax_multi_summary_out
5017 pg_mcv_list -1 0 i x b Z , 0 0 100 pg_mcv_list_out
5038 pg_snapshot -1 0 d x b U , 0 5039 0 pg_snapshot_out
5069 xid8 8 1 d p b U , 0 271 0 xid8out
5077 anycompatible 4 1 i p p P , 0 0 0 anycompatible_out
5078 anycompatiblearray -1 0 d x p P , 0 0 0 anycompatiblearray_out
5079 anycompatiblenonarray 4 1 i p p P , 0 0 0 anycompatiblenonarray_out
5080 anycompatiblerange -1 0 d x p P , 0 0 0 anycompatiblerange_out
"""

#: typname → columns that were otherwise in older majors.
_CHANGED: ByMajor[dict[str, dict[str, object]]] = ByMajor(
    {
        14: {
            "aclitem": {"typlen": 12, "typalign": "i"},
            **{
                name: {"typcategory": "S"}
                for name in (
                    "char", "pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list",
                    "pg_brin_bloom_summary", "pg_brin_minmax_multi_summary",
                )
            },
        },
        15: {"aclitem": {"typlen": 12, "typalign": "i"}},
        16: {},
    }
)  # fmt: skip

BUILTIN_RANGES = (
    RangeInfo(3904, 23, 4451, "int4range_canonical"),
    RangeInfo(3906, 1700, 4532),
    RangeInfo(3908, 1114, 4533),
    RangeInfo(3910, 1184, 4534),
    RangeInfo(3912, 1082, 4535, "daterange_canonical"),
    RangeInfo(3926, 20, 4536, "int8range_canonical"),
)


@cache
def builtin_types(major: int) -> dict[int, TypeInfo]:
    """Every type of initdb that is no table's row type, by OID."""
    out: dict[int, TypeInfo] = {}
    for line in _ROWS.splitlines():
        oid, name, typlen, byval, align, storage, kind, category, delim, elem, array, coll, fn = (
            line.split(" ")
        )
        columns: dict[str, object] = {
            "typlen": int(typlen), "typbyval": byval == "1", "typalign": align,
            "typstorage": storage, "typtype": kind, "typcategory": category, "typdelim": delim,
            "typelem": int(elem), "typarray": int(array), "typcollation": int(coll),
            "typoutput": fn, **_CHANGED[major].get(name, {}),
        }  # fmt: skip
        row = TypeInfo(int(oid), name, **columns)  # type: ignore[arg-type]
        out[row.oid] = row
        if row.typarray:
            out[row.typarray] = TypeInfo(
                row.typarray, "_" + name, typcategory="A", typelem=row.oid, typdelim=delim,
                typalign="d" if row.typalign == "d" else "i", typcollation=row.typcollation,
                typoutput="array_out",
            )  # fmt: skip
    return out
