-- Bodies of the built-in functions in SQL: "-- OID name", then either "return" and an
-- expression, or a query (stored analyzed), or text between quotes (stored as it is, for
-- functions of polymorphic arguments).

-- 1215 obj_description
select d.description from pg_description d
where d.objoid = $1 and d.objsubid = 0
    and d.classoid = (select c.oid from pg_class c
                      where c.relname = $2 and c.relnamespace = regnamespace 'pg_catalog');

-- 1216 col_description
select d.description from pg_description d
where d.objoid = $1 and d.classoid = regclass 'pg_class' and d.objsubid = $2;

-- 1285 quote_literal
'select pg_catalog.quote_literal(cast($1 as pg_catalog.text))';

-- 1290 quote_nullable
'select pg_catalog.quote_nullable(cast($1 as pg_catalog.text))';

-- 1348 obj_description
select d.description from pg_description d where d.objoid = $1 and d.objsubid = 0;

-- 1810 bit_length
return octet_length($1) * 8;

-- 1811 bit_length
return octet_length($1) * 8;

-- 1812 bit_length
return length($1);

-- 1993 shobj_description
select d.description from pg_shdescription d
where d.objoid = $1
    and d.classoid = (select c.oid from pg_class c
                      where c.relname = $2 and c.relnamespace = regnamespace 'pg_catalog');

-- 879 lpad
return lpad($1, $2, ' ');

-- 880 rpad
return rpad($1, $2, ' ');

-- 2074 substring
return substring($1, similar_to_escape($2, $3));

-- 1305 overlaps
return ($1, $1 + $2) overlaps ($3, $3 + $4);

-- 1306 overlaps
return ($1, $2) overlaps ($3, $3 + $4);

-- 1307 overlaps
return ($1, $1 + $2) overlaps ($3, $4);

-- 2042 overlaps
return ($1, $1 + $2) overlaps ($3, $3 + $4);

-- 2043 overlaps
return ($1, $2) overlaps ($3, $3 + $4);

-- 2044 overlaps
return ($1, $1 + $2) overlaps ($3, $4);

-- 1309 overlaps
return ($1, $1 + $2) overlaps ($3, $3 + $4);

-- 1310 overlaps
return ($1, $2) overlaps ($3, $3 + $4);

-- 1311 overlaps
return ($1, $1 + $2) overlaps ($3, $4);

-- 1741 log
return log(10, $1);

-- 1481 log10
return log(10, $1);

-- 1708 round
return round($1, 0);

-- 1710 trunc
return trunc($1, 0);

-- 5023 numeric_pl_pg_lsn
return $2 + $1;

-- 1426 path_contain_pt
return on_ppath($2, $1);

-- 1544 polygon
return polygon(12, $1);

-- 1386 age
return age(cast(current_date as timestamptz), $1);

-- 2059 age
return age(cast(current_date as timestamp), $1);

-- 1384 date_part
return date_part($1, cast($2 as timestamp));

-- 1176 timestamptz
return cast($1 + $2 as timestamptz);

-- 1296 timedate_pl
return $2 + $1;

-- 1298 timetzdate_pl
return $2 + $1;

-- 1848 interval_pl_time
return $2 + $1;

-- 2546 interval_pl_date
return $2 + $1;

-- 2547 interval_pl_timetz
return $2 + $1;

-- 2548 interval_pl_timestamp
return $2 + $1;

-- 2549 interval_pl_timestamptz
return $2 + $1;

-- 2550 integer_pl_date
return $2 + $1;

-- 2631 int8pl_inet
return $2 + $1;

-- 2932 xpath
return xpath($1, $2, cast('{}' as text[]));

-- 3050 xpath_exists
return xpath_exists($1, $2, cast('{}' as text[]));

-- 3935 pg_sleep_for
return pg_sleep(extract(epoch from clock_timestamp() + $1) - extract(epoch from clock_timestamp()));

-- 3936 pg_sleep_until
return pg_sleep(extract(epoch from $1) - extract(epoch from clock_timestamp()));

-- 2325 pg_relation_size
return pg_relation_size($1, 'main');

-- 2003 textanycat
'select $1 operator(pg_catalog.||) cast($2 as pg_catalog.text)';

-- 2004 anytextcat
'select cast($1 as pg_catalog.text) operator(pg_catalog.||) $2';

-- 6183 ts_debug
select k.alias, k.description, p.token,
    array(select m.mapdict::regdictionary from pg_ts_config_map m
          where m.mapcfg = $1 and m.maptokentype = p.tokid order by m.mapseqno),
    f.dict, f.lexemes
from pg_ts_config c
    cross join lateral ts_parse(c.cfgparser, $2) p
    join lateral ts_token_type(c.cfgparser) k on k.tokid = p.tokid
    left join lateral (
        select m.mapdict::regdictionary as dict,
            ts_lexize(m.mapdict::regdictionary, p.token) as lexemes
        from pg_ts_config_map m
        where m.mapcfg = $1 and m.maptokentype = p.tokid
        order by ts_lexize(m.mapdict::regdictionary, p.token) is null, m.mapseqno
        limit 1) f on true
where c.oid = $1;

-- 6184 ts_debug
select d.* from ts_debug(get_current_ts_config(), $1) d;
