-- The system views: "-- name", then its query. Names and types of the columns are those of
-- views.txt; what stands here only has to give them in that order.

-- pg_roles
select r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin,
    r.rolreplication, r.rolconnlimit, text '********', r.rolvaliduntil, r.rolbypassrls,
    s.setconfig, r.oid
from pg_authid r left join pg_db_role_setting s on s.setrole = r.oid and s.setdatabase = 0;

-- pg_shadow
select r.rolname, r.oid, r.rolcreatedb, r.rolsuper, r.rolreplication, r.rolbypassrls,
    r.rolpassword, r.rolvaliduntil, s.setconfig
from pg_authid r left join pg_db_role_setting s on s.setrole = r.oid and s.setdatabase = 0
where r.rolcanlogin;

-- pg_group
select g.rolname, g.oid, array(select m.member from pg_auth_members m where m.roleid = g.oid)
from pg_authid g where not g.rolcanlogin;

-- pg_user
select u.usename, u.usesysid, u.usecreatedb, u.usesuper, u.userepl, u.usebypassrls,
    text '********', u.valuntil, u.useconfig
from pg_shadow u;

-- pg_policies
select n.nspname, c.relname, p.polname,
    case p.polpermissive when true then text 'PERMISSIVE' else 'RESTRICTIVE' end,
    case p.polroles when '{0}' then array[name 'public']
        else array(select r.rolname from pg_authid r where r.oid = any (p.polroles)
                   order by r.rolname) end,
    case p.polcmd when 'r' then text 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE'
        when 'd' then 'DELETE' when '*' then 'ALL' end,
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
from pg_policy p join pg_class c on c.oid = p.polrelid
    left join pg_namespace n on n.oid = c.relnamespace;

-- pg_rules
select n.nspname, c.relname, r.rulename, pg_get_ruledef(r.oid)
from pg_rewrite r join pg_class c on c.oid = r.ev_class
    left join pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN';

-- pg_views
select n.nspname, c.relname, pg_get_userbyid(c.relowner), pg_get_viewdef(c.oid)
from pg_class c left join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'v';

-- pg_tables
select n.nspname, c.relname, pg_get_userbyid(c.relowner), t.spcname, c.relhasindex,
    c.relhasrules, c.relhastriggers, c.relrowsecurity
from pg_class c left join pg_namespace n on n.oid = c.relnamespace
    left join pg_tablespace t on t.oid = c.reltablespace
where c.relkind in ('r', 'p');

-- pg_matviews
select n.nspname, c.relname, pg_get_userbyid(c.relowner), t.spcname, c.relhasindex,
    c.relispopulated, pg_get_viewdef(c.oid)
from pg_class c left join pg_namespace n on n.oid = c.relnamespace
    left join pg_tablespace t on t.oid = c.reltablespace
where c.relkind = 'm';

-- pg_indexes
select n.nspname, c.relname, i.relname, t.spcname, pg_get_indexdef(i.oid)
from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
    left join pg_namespace n on n.oid = c.relnamespace
    left join pg_tablespace t on t.oid = i.reltablespace
where c.relkind in ('r', 'm', 'p') and i.relkind in ('i', 'I');

-- pg_sequences
select n.nspname, c.relname, pg_get_userbyid(c.relowner), s.seqtypid::regtype, s.seqstart,
    s.seqmin, s.seqmax, s.seqincrement, s.seqcycle, s.seqcache,
    case when has_sequence_privilege(c.oid, 'SELECT,USAGE')
        then pg_sequence_last_value(c.oid) end
from pg_sequence s join pg_class c on c.oid = s.seqrelid
    left join pg_namespace n on n.oid = c.relnamespace
where not pg_is_other_temp_schema(n.oid) and c.relkind = 'S';

-- pg_stats
select n.nspname, c.relname, a.attname, s.stainherit, s.stanullfrac, s.stawidth, s.stadistinct,
    case 1 when s.stakind1 then s.stavalues1 when s.stakind2 then s.stavalues2
        when s.stakind3 then s.stavalues3 when s.stakind4 then s.stavalues4
        when s.stakind5 then s.stavalues5 end,
    case 1 when s.stakind1 then s.stanumbers1 when s.stakind2 then s.stanumbers2
        when s.stakind3 then s.stanumbers3 when s.stakind4 then s.stanumbers4
        when s.stakind5 then s.stanumbers5 end,
    case 2 when s.stakind1 then s.stavalues1 when s.stakind2 then s.stavalues2
        when s.stakind3 then s.stavalues3 when s.stakind4 then s.stavalues4
        when s.stakind5 then s.stavalues5 end,
    case 3 when s.stakind1 then s.stanumbers1[1] when s.stakind2 then s.stanumbers2[1]
        when s.stakind3 then s.stanumbers3[1] when s.stakind4 then s.stanumbers4[1]
        when s.stakind5 then s.stanumbers5[1] end,
    case 4 when s.stakind1 then s.stavalues1 when s.stakind2 then s.stavalues2
        when s.stakind3 then s.stavalues3 when s.stakind4 then s.stavalues4
        when s.stakind5 then s.stavalues5 end,
    case 4 when s.stakind1 then s.stanumbers1 when s.stakind2 then s.stanumbers2
        when s.stakind3 then s.stanumbers3 when s.stakind4 then s.stanumbers4
        when s.stakind5 then s.stanumbers5 end,
    case 5 when s.stakind1 then s.stanumbers1 when s.stakind2 then s.stanumbers2
        when s.stakind3 then s.stanumbers3 when s.stakind4 then s.stanumbers4
        when s.stakind5 then s.stanumbers5 end,
    case 6 when s.stakind1 then s.stavalues1 when s.stakind2 then s.stavalues2
        when s.stakind3 then s.stavalues3 when s.stakind4 then s.stavalues4
        when s.stakind5 then s.stavalues5 end,
    case 6 when s.stakind1 then s.stanumbers1[1] when s.stakind2 then s.stanumbers2[1]
        when s.stakind3 then s.stanumbers3[1] when s.stakind4 then s.stanumbers4[1]
        when s.stakind5 then s.stanumbers5[1] end,
    case 7 when s.stakind1 then s.stavalues1 when s.stakind2 then s.stavalues2
        when s.stakind3 then s.stavalues3 when s.stakind4 then s.stavalues4
        when s.stakind5 then s.stavalues5 end
from pg_statistic s join pg_class c on c.oid = s.starelid
    join pg_attribute a on a.attrelid = s.starelid and a.attnum = s.staattnum
    left join pg_namespace n on n.oid = c.relnamespace
where not a.attisdropped and has_column_privilege(c.oid, a.attnum, 'select')
    and (not c.relrowsecurity or not row_security_active(c.oid));

-- pg_stats_ext
select cn.nspname, c.relname, sn.nspname, s.stxname, pg_get_userbyid(s.stxowner),
    (select array_agg(a.attname order by a.attnum) from pg_attribute a
     where a.attrelid = s.stxrelid and a.attnum = any (s.stxkeys)),
    pg_get_statisticsobjdef_expressions(s.oid), s.stxkind, d.stxdinherit, d.stxdndistinct,
    d.stxddependencies, m.vals, m.nulls, m.freqs, m.base_freqs
from pg_statistic_ext s join pg_class c on c.oid = s.stxrelid
    join pg_statistic_ext_data d on d.stxoid = s.oid
    left join pg_namespace cn on cn.oid = c.relnamespace
    left join pg_namespace sn on sn.oid = s.stxnamespace
    left join lateral (
        select array_agg(i.values) as vals, array_agg(i.nulls) as nulls,
            array_agg(i.frequency) as freqs, array_agg(i.base_frequency) as base_freqs
        from pg_mcv_list_items(d.stxdmcv) i) m on d.stxdmcv is not null
where pg_has_role(c.relowner, 'USAGE')
    and (not c.relrowsecurity or not row_security_active(c.oid));

-- pg_stats_ext_exprs
select cn.nspname, c.relname, sn.nspname, s.stxname, pg_get_userbyid(s.stxowner), e.expr,
    d.stxdinherit, (e.a).stanullfrac, (e.a).stawidth, (e.a).stadistinct,
    case 1 when (e.a).stakind1 then (e.a).stavalues1 when (e.a).stakind2 then (e.a).stavalues2
        when (e.a).stakind3 then (e.a).stavalues3 when (e.a).stakind4 then (e.a).stavalues4
        when (e.a).stakind5 then (e.a).stavalues5 end,
    case 1 when (e.a).stakind1 then (e.a).stanumbers1 when (e.a).stakind2 then (e.a).stanumbers2
        when (e.a).stakind3 then (e.a).stanumbers3 when (e.a).stakind4 then (e.a).stanumbers4
        when (e.a).stakind5 then (e.a).stanumbers5 end,
    case 2 when (e.a).stakind1 then (e.a).stavalues1 when (e.a).stakind2 then (e.a).stavalues2
        when (e.a).stakind3 then (e.a).stavalues3 when (e.a).stakind4 then (e.a).stavalues4
        when (e.a).stakind5 then (e.a).stavalues5 end,
    case 3 when (e.a).stakind1 then (e.a).stanumbers1[1]
        when (e.a).stakind2 then (e.a).stanumbers2[1]
        when (e.a).stakind3 then (e.a).stanumbers3[1]
        when (e.a).stakind4 then (e.a).stanumbers4[1]
        when (e.a).stakind5 then (e.a).stanumbers5[1] end,
    case 4 when (e.a).stakind1 then (e.a).stavalues1 when (e.a).stakind2 then (e.a).stavalues2
        when (e.a).stakind3 then (e.a).stavalues3 when (e.a).stakind4 then (e.a).stavalues4
        when (e.a).stakind5 then (e.a).stavalues5 end,
    case 4 when (e.a).stakind1 then (e.a).stanumbers1 when (e.a).stakind2 then (e.a).stanumbers2
        when (e.a).stakind3 then (e.a).stanumbers3 when (e.a).stakind4 then (e.a).stanumbers4
        when (e.a).stakind5 then (e.a).stanumbers5 end,
    case 5 when (e.a).stakind1 then (e.a).stanumbers1 when (e.a).stakind2 then (e.a).stanumbers2
        when (e.a).stakind3 then (e.a).stanumbers3 when (e.a).stakind4 then (e.a).stanumbers4
        when (e.a).stakind5 then (e.a).stanumbers5 end
from pg_statistic_ext s join pg_class c on c.oid = s.stxrelid
    join pg_statistic_ext_data d on d.stxoid = s.oid
    left join pg_namespace cn on cn.oid = c.relnamespace
    left join pg_namespace sn on sn.oid = s.stxnamespace
    join lateral (
        select unnest(pg_get_statisticsobjdef_expressions(s.oid)) as expr,
            unnest(d.stxdexpr) as a) e on e.expr is not null
where pg_has_role(c.relowner, 'USAGE')
    and (not c.relrowsecurity or not row_security_active(c.oid));

-- pg_publication_tables
select p.pubname, n.nspname, c.relname,
    (select array_agg(a.attname order by a.attnum) from pg_attribute a
     where a.attrelid = g.relid and a.attnum = any (g.attrs)),
    pg_get_expr(g.qual, g.relid)
from pg_publication p cross join lateral pg_get_publication_tables(p.pubname) g
    join pg_class c on c.oid = g.relid join pg_namespace n on n.oid = c.relnamespace;

-- pg_locks
select l.* from pg_lock_status() l;

-- pg_cursors
select c.* from pg_cursor() c;

-- pg_available_extensions
select a.name, a.default_version, e.extversion, a.comment
from pg_available_extensions() a left join pg_extension e on e.extname = a.name;

-- pg_available_extension_versions
select a.name, a.version, e.oid is not null, a.superuser, a.trusted, a.relocatable, a.schema,
    a.requires, a.comment
from pg_available_extension_versions() a
    left join pg_extension e on e.extname = a.name and e.extversion = a.version;

-- pg_prepared_xacts
select p.transaction, p.gid, p.prepared, r.rolname, d.datname
from pg_prepared_xact() p left join pg_authid r on r.oid = p.ownerid
    left join pg_database d on d.oid = p.dbid;

-- pg_prepared_statements
select p.* from pg_prepared_statement() p;

-- pg_seclabels
select l.objoid, l.classoid, l.objsubid,
    case c.relkind when 'r' then text 'table' when 'p' then 'table' when 'v' then 'view'
        when 'm' then 'materialized view' when 'S' then 'sequence' when 'f' then 'foreign table'
        end,
    c.relnamespace,
    case when pg_table_is_visible(c.oid) then quote_ident(c.relname)
        else quote_ident(n.nspname) || '.' || quote_ident(c.relname) end,
    l.provider, l.label
from pg_seclabel l join pg_class c on c.oid = l.objoid and c.tableoid = l.classoid
    join pg_namespace n on n.oid = c.relnamespace
where l.objsubid = 0
union all
select l.objoid, l.classoid, l.objsubid, 'column', c.relnamespace,
    case when pg_table_is_visible(c.oid) then quote_ident(c.relname)
        else quote_ident(n.nspname) || '.' || quote_ident(c.relname) end || '.' || a.attname,
    l.provider, l.label
from pg_seclabel l join pg_class c on c.oid = l.objoid and c.tableoid = l.classoid
    join pg_attribute a on a.attrelid = c.oid and a.attnum = l.objsubid
    join pg_namespace n on n.oid = c.relnamespace
where l.objsubid <> 0
union all
select l.objoid, l.classoid, l.objsubid,
    case p.prokind when 'a' then 'aggregate' when 'f' then 'function' when 'p' then 'procedure'
        when 'w' then 'window' end,
    p.pronamespace,
    case when pg_function_is_visible(p.oid) then quote_ident(p.proname)
        else quote_ident(n.nspname) || '.' || quote_ident(p.proname) end
        || '(' || pg_get_function_arguments(p.oid) || ')',
    l.provider, l.label
from pg_seclabel l join pg_proc p on p.oid = l.objoid and p.tableoid = l.classoid
    join pg_namespace n on n.oid = p.pronamespace
where l.objsubid = 0
union all
select l.objoid, l.classoid, l.objsubid, case t.typtype when 'd' then 'domain' else 'type' end,
    t.typnamespace,
    case when pg_type_is_visible(t.oid) then quote_ident(t.typname)
        else quote_ident(n.nspname) || '.' || quote_ident(t.typname) end,
    l.provider, l.label
from pg_seclabel l join pg_type t on t.oid = l.objoid and t.tableoid = l.classoid
    join pg_namespace n on n.oid = t.typnamespace
where l.objsubid = 0
union all
select l.objoid, l.classoid, l.objsubid, 'large object', null, l.objoid::text, l.provider,
    l.label
from pg_seclabel l join pg_largeobject_metadata o on o.oid = l.objoid
where l.classoid = regclass 'pg_largeobject' and l.objsubid = 0
union all
select l.objoid, l.classoid, l.objsubid, 'language', null, quote_ident(o.lanname), l.provider,
    l.label
from pg_seclabel l join pg_language o on o.oid = l.objoid and o.tableoid = l.classoid
where l.objsubid = 0
union all
select l.objoid, l.classoid, l.objsubid, 'schema', o.oid, quote_ident(o.nspname), l.provider,
    l.label
from pg_seclabel l join pg_namespace o on o.oid = l.objoid and o.tableoid = l.classoid
where l.objsubid = 0
union all
select l.objoid, l.classoid, l.objsubid, 'event trigger', null, quote_ident(o.evtname),
    l.provider, l.label
from pg_seclabel l join pg_event_trigger o on o.oid = l.objoid and o.tableoid = l.classoid
where l.objsubid = 0
union all
select l.objoid, l.classoid, l.objsubid, 'publication', null, quote_ident(o.pubname),
    l.provider, l.label
from pg_seclabel l join pg_publication o on o.oid = l.objoid and o.tableoid = l.classoid
where l.objsubid = 0
union all
select l.objoid, l.classoid, 0, 'subscription', null, quote_ident(o.subname), l.provider,
    l.label
from pg_shseclabel l join pg_subscription o on o.oid = l.objoid and o.tableoid = l.classoid
union all
select l.objoid, l.classoid, 0, 'database', null, quote_ident(o.datname), l.provider, l.label
from pg_shseclabel l join pg_database o on o.oid = l.objoid and o.tableoid = l.classoid
union all
select l.objoid, l.classoid, 0, 'tablespace', null, quote_ident(o.spcname), l.provider, l.label
from pg_shseclabel l join pg_tablespace o on o.oid = l.objoid and o.tableoid = l.classoid
union all
select l.objoid, l.classoid, 0, 'role', null, quote_ident(o.rolname), l.provider, l.label
from pg_shseclabel l join pg_authid o on o.oid = l.objoid and o.tableoid = l.classoid;

-- pg_settings
select s.* from pg_show_all_settings() s;

-- pg_file_settings
select s.* from pg_show_all_file_settings() s;

-- pg_hba_file_rules
select r.* from pg_hba_file_rules() r;

-- pg_ident_file_mappings
select m.* from pg_ident_file_mappings() m;

-- pg_timezone_abbrevs
select z.* from pg_timezone_abbrevs_zone() z
union all
select a.* from pg_timezone_abbrevs_abbrevs() a
where a.abbrev not in (select z.abbrev from pg_timezone_abbrevs_zone() z
                       where z.abbrev is not null);

-- pg_timezone_names
select z.* from pg_timezone_names() z;

-- pg_config
select c.* from pg_config() c;

-- pg_shmem_allocations
select s.* from pg_get_shmem_allocations() s;

-- pg_shmem_allocations_numa
select s.* from pg_get_shmem_allocations_numa() s;

-- pg_backend_memory_contexts
select m.* from pg_get_backend_memory_contexts() m;

-- pg_stat_all_tables
select c.oid, n.nspname, c.relname, pg_stat_get_numscans(c.oid), pg_stat_get_lastscan(c.oid),
    pg_stat_get_tuples_returned(c.oid), x.scans, x.last, x.fetched
        + pg_stat_get_tuples_fetched(c.oid),
    pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid),
    pg_stat_get_tuples_deleted(c.oid), pg_stat_get_tuples_hot_updated(c.oid),
    pg_stat_get_tuples_newpage_updated(c.oid), pg_stat_get_live_tuples(c.oid),
    pg_stat_get_dead_tuples(c.oid), pg_stat_get_mod_since_analyze(c.oid),
    pg_stat_get_ins_since_vacuum(c.oid), pg_stat_get_last_vacuum_time(c.oid),
    pg_stat_get_last_autovacuum_time(c.oid), pg_stat_get_last_analyze_time(c.oid),
    pg_stat_get_last_autoanalyze_time(c.oid), pg_stat_get_vacuum_count(c.oid),
    pg_stat_get_autovacuum_count(c.oid), pg_stat_get_analyze_count(c.oid),
    pg_stat_get_autoanalyze_count(c.oid), pg_stat_get_total_vacuum_time(c.oid),
    pg_stat_get_total_autovacuum_time(c.oid), pg_stat_get_total_analyze_time(c.oid),
    pg_stat_get_total_autoanalyze_time(c.oid)
from pg_class c left join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (
        select sum(pg_stat_get_numscans(i.indexrelid))::int8 as scans,
            max(pg_stat_get_lastscan(i.indexrelid)) as last,
            sum(pg_stat_get_tuples_fetched(i.indexrelid))::int8 as fetched
        from pg_index i where i.indrelid = c.oid) x
where c.relkind in ('r', 't', 'm', 'p');

-- pg_stat_xact_all_tables
select c.oid, n.nspname, c.relname, pg_stat_get_xact_numscans(c.oid),
    pg_stat_get_xact_tuples_returned(c.oid), x.scans,
    x.fetched + pg_stat_get_xact_tuples_fetched(c.oid),
    pg_stat_get_xact_tuples_inserted(c.oid), pg_stat_get_xact_tuples_updated(c.oid),
    pg_stat_get_xact_tuples_deleted(c.oid), pg_stat_get_xact_tuples_hot_updated(c.oid),
    pg_stat_get_xact_tuples_newpage_updated(c.oid)
from pg_class c left join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (
        select sum(pg_stat_get_xact_numscans(i.indexrelid))::int8 as scans,
            sum(pg_stat_get_xact_tuples_fetched(i.indexrelid))::int8 as fetched
        from pg_index i where i.indrelid = c.oid) x
where c.relkind in ('r', 't', 'm', 'p');

-- pg_stat_sys_tables
select t.* from pg_stat_all_tables t
where t.schemaname in ('pg_catalog', 'information_schema') or t.schemaname ~ '^pg_toast';

-- pg_stat_xact_sys_tables
select t.* from pg_stat_xact_all_tables t
where t.schemaname in ('pg_catalog', 'information_schema') or t.schemaname ~ '^pg_toast';

-- pg_stat_user_tables
select t.* from pg_stat_all_tables t
where t.schemaname not in ('pg_catalog', 'information_schema') and t.schemaname !~ '^pg_toast';

-- pg_stat_xact_user_tables
select t.* from pg_stat_xact_all_tables t
where t.schemaname not in ('pg_catalog', 'information_schema') and t.schemaname !~ '^pg_toast';

-- pg_statio_all_tables
select c.oid, n.nspname, c.relname,
    pg_stat_get_blocks_fetched(c.oid) - pg_stat_get_blocks_hit(c.oid),
    pg_stat_get_blocks_hit(c.oid), x.read, x.hit,
    pg_stat_get_blocks_fetched(t.oid) - pg_stat_get_blocks_hit(t.oid),
    pg_stat_get_blocks_hit(t.oid), y.read, y.hit
from pg_class c left join pg_namespace n on n.oid = c.relnamespace
    left join pg_class t on t.oid = c.reltoastrelid
    cross join lateral (
        select sum(pg_stat_get_blocks_fetched(i.indexrelid)
                   - pg_stat_get_blocks_hit(i.indexrelid))::int8 as read,
            sum(pg_stat_get_blocks_hit(i.indexrelid))::int8 as hit
        from pg_index i where i.indrelid = c.oid) x
    cross join lateral (
        select sum(pg_stat_get_blocks_fetched(i.indexrelid)
                   - pg_stat_get_blocks_hit(i.indexrelid))::int8 as read,
            sum(pg_stat_get_blocks_hit(i.indexrelid))::int8 as hit
        from pg_index i where i.indrelid = t.oid) y
where c.relkind in ('r', 't', 'm');

-- pg_statio_sys_tables
select t.* from pg_statio_all_tables t
where t.schemaname in ('pg_catalog', 'information_schema') or t.schemaname ~ '^pg_toast';

-- pg_statio_user_tables
select t.* from pg_statio_all_tables t
where t.schemaname not in ('pg_catalog', 'information_schema') and t.schemaname !~ '^pg_toast';

-- pg_stat_all_indexes
select c.oid, i.oid, n.nspname, c.relname, i.relname, pg_stat_get_numscans(i.oid),
    pg_stat_get_lastscan(i.oid), pg_stat_get_tuples_returned(i.oid),
    pg_stat_get_tuples_fetched(i.oid)
from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
    left join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 't', 'm');

-- pg_stat_sys_indexes
select x.* from pg_stat_all_indexes x
where x.schemaname in ('pg_catalog', 'information_schema') or x.schemaname ~ '^pg_toast';

-- pg_stat_user_indexes
select x.* from pg_stat_all_indexes x
where x.schemaname not in ('pg_catalog', 'information_schema') and x.schemaname !~ '^pg_toast';

-- pg_statio_all_indexes
select c.oid, i.oid, n.nspname, c.relname, i.relname,
    pg_stat_get_blocks_fetched(i.oid) - pg_stat_get_blocks_hit(i.oid),
    pg_stat_get_blocks_hit(i.oid)
from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
    left join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 't', 'm');

-- pg_statio_sys_indexes
select x.* from pg_statio_all_indexes x
where x.schemaname in ('pg_catalog', 'information_schema') or x.schemaname ~ '^pg_toast';

-- pg_statio_user_indexes
select x.* from pg_statio_all_indexes x
where x.schemaname not in ('pg_catalog', 'information_schema') and x.schemaname !~ '^pg_toast';

-- pg_statio_all_sequences
select c.oid, n.nspname, c.relname,
    pg_stat_get_blocks_fetched(c.oid) - pg_stat_get_blocks_hit(c.oid),
    pg_stat_get_blocks_hit(c.oid)
from pg_class c left join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S';

-- pg_statio_sys_sequences
select s.* from pg_statio_all_sequences s
where s.schemaname in ('pg_catalog', 'information_schema') or s.schemaname ~ '^pg_toast';

-- pg_statio_user_sequences
select s.* from pg_statio_all_sequences s
where s.schemaname not in ('pg_catalog', 'information_schema') and s.schemaname !~ '^pg_toast';

-- pg_stat_activity
select a.datid, d.datname, a.pid, a.leader_pid, a.usesysid, r.rolname, a.application_name,
    a.client_addr, a.client_hostname, a.client_port, a.backend_start, a.xact_start,
    a.query_start, a.state_change, a.wait_event_type, a.wait_event, a.state, a.backend_xid,
    a.backend_xmin, a.query_id, a.query, a.backend_type
from pg_stat_get_activity(null) a left join pg_database d on d.oid = a.datid
    left join pg_authid r on r.oid = a.usesysid;

-- pg_stat_replication
select a.pid, a.usesysid, r.rolname, a.application_name, a.client_addr, a.client_hostname,
    a.client_port, a.backend_start, a.backend_xmin, w.state, w.sent_lsn, w.write_lsn,
    w.flush_lsn, w.replay_lsn, w.write_lag, w.flush_lag, w.replay_lag, w.sync_priority,
    w.sync_state, w.reply_time
from pg_stat_get_activity(null) a join pg_stat_get_wal_senders() w on w.pid = a.pid
    left join pg_authid r on r.oid = a.usesysid;

-- pg_stat_slru
select s.* from pg_stat_get_slru() s;

-- pg_stat_wal_receiver
select w.* from pg_stat_get_wal_receiver() w where w.pid is not null;

-- pg_stat_recovery_prefetch
select p.* from pg_stat_get_recovery_prefetch() p;

-- pg_stat_subscription
select s.oid, s.subname, w.worker_type, w.pid, w.leader_pid, w.relid, w.received_lsn,
    w.last_msg_send_time, w.last_msg_receipt_time, w.latest_end_lsn, w.latest_end_time
from pg_subscription s left join pg_stat_get_subscription(null) w on w.subid = s.oid;

-- pg_stat_ssl
select a.pid, a.ssl, a.sslversion, a.sslcipher, a.sslbits, a.ssl_client_dn, a.ssl_client_serial,
    a.ssl_issuer_dn
from pg_stat_get_activity(null) a where a.client_port is not null;

-- pg_stat_gssapi
select a.pid, a.gss_auth, a.gss_princ, a.gss_enc, a.gss_delegation
from pg_stat_get_activity(null) a where a.client_port is not null;

-- pg_replication_slots
select s.slot_name, s.plugin, s.slot_type, s.datoid, d.datname, s.temporary, s.active,
    s.active_pid, s.xmin, s.catalog_xmin, s.restart_lsn, s.confirmed_flush_lsn, s.wal_status,
    s.safe_wal_size, s.two_phase, s.two_phase_at, s.inactive_since, s.conflicting,
    s.invalidation_reason, s.failover, s.synced
from pg_get_replication_slots() s left join pg_database d on d.oid = s.datoid;

-- pg_stat_replication_slots
select t.*
from pg_replication_slots s cross join lateral pg_stat_get_replication_slot(s.slot_name) t
where s.datoid is not null;

-- pg_stat_database
select d.oid, d.datname, case d.oid when 0 then 0 else pg_stat_get_db_numbackends(d.oid) end,
    pg_stat_get_db_xact_commit(d.oid), pg_stat_get_db_xact_rollback(d.oid),
    pg_stat_get_db_blocks_fetched(d.oid) - pg_stat_get_db_blocks_hit(d.oid),
    pg_stat_get_db_blocks_hit(d.oid), pg_stat_get_db_tuples_returned(d.oid),
    pg_stat_get_db_tuples_fetched(d.oid), pg_stat_get_db_tuples_inserted(d.oid),
    pg_stat_get_db_tuples_updated(d.oid), pg_stat_get_db_tuples_deleted(d.oid),
    pg_stat_get_db_conflict_all(d.oid), pg_stat_get_db_temp_files(d.oid),
    pg_stat_get_db_temp_bytes(d.oid), pg_stat_get_db_deadlocks(d.oid),
    pg_stat_get_db_checksum_failures(d.oid), pg_stat_get_db_checksum_last_failure(d.oid),
    pg_stat_get_db_blk_read_time(d.oid), pg_stat_get_db_blk_write_time(d.oid),
    pg_stat_get_db_session_time(d.oid), pg_stat_get_db_active_time(d.oid),
    pg_stat_get_db_idle_in_transaction_time(d.oid), pg_stat_get_db_sessions(d.oid),
    pg_stat_get_db_sessions_abandoned(d.oid), pg_stat_get_db_sessions_fatal(d.oid),
    pg_stat_get_db_sessions_killed(d.oid), pg_stat_get_db_parallel_workers_to_launch(d.oid),
    pg_stat_get_db_parallel_workers_launched(d.oid), pg_stat_get_db_stat_reset_time(d.oid)
from (select oid '0' as oid, null::name as datname
      union all
      select b.oid, b.datname from pg_database b) d;

-- pg_stat_database_conflicts
select d.oid, d.datname, pg_stat_get_db_conflict_tablespace(d.oid),
    pg_stat_get_db_conflict_lock(d.oid), pg_stat_get_db_conflict_snapshot(d.oid),
    pg_stat_get_db_conflict_bufferpin(d.oid), pg_stat_get_db_conflict_startup_deadlock(d.oid),
    pg_stat_get_db_conflict_logicalslot(d.oid)
from pg_database d;

-- pg_stat_user_functions
select p.oid, n.nspname, p.proname, pg_stat_get_function_calls(p.oid),
    pg_stat_get_function_total_time(p.oid), pg_stat_get_function_self_time(p.oid)
from pg_proc p left join pg_namespace n on n.oid = p.pronamespace
where p.prolang <> 12 and pg_stat_get_function_calls(p.oid) is not null;

-- pg_stat_xact_user_functions
select p.oid, n.nspname, p.proname, pg_stat_get_xact_function_calls(p.oid),
    pg_stat_get_xact_function_total_time(p.oid), pg_stat_get_xact_function_self_time(p.oid)
from pg_proc p left join pg_namespace n on n.oid = p.pronamespace
where p.prolang <> 12 and pg_stat_get_xact_function_calls(p.oid) is not null;

-- pg_stat_archiver
select a.* from pg_stat_get_archiver() a;

-- pg_stat_bgwriter
select pg_stat_get_bgwriter_buf_written_clean(), pg_stat_get_bgwriter_maxwritten_clean(),
    pg_stat_get_buf_alloc(), pg_stat_get_bgwriter_stat_reset_time();

-- pg_stat_checkpointer
select pg_stat_get_checkpointer_num_timed(), pg_stat_get_checkpointer_num_requested(),
    pg_stat_get_checkpointer_num_performed(), pg_stat_get_checkpointer_restartpoints_timed(),
    pg_stat_get_checkpointer_restartpoints_requested(),
    pg_stat_get_checkpointer_restartpoints_performed(), pg_stat_get_checkpointer_write_time(),
    pg_stat_get_checkpointer_sync_time(), pg_stat_get_checkpointer_buffers_written(),
    pg_stat_get_checkpointer_slru_written(), pg_stat_get_checkpointer_stat_reset_time();

-- pg_stat_io
select i.* from pg_stat_get_io() i;

-- pg_stat_wal
select w.* from pg_stat_get_wal() w;

-- pg_stat_progress_analyze
select s.pid, s.datid, d.datname, s.relid,
    case s.param1 when 0 then text 'initializing' when 1 then 'acquiring sample rows'
        when 2 then 'acquiring inherited sample rows' when 3 then 'computing statistics'
        when 4 then 'computing extended statistics' when 5 then 'finalizing analyze' end,
    s.param2, s.param3, s.param4, s.param5, s.param6, s.param7, s.param8::oid,
    s.param9 / float8 '1000000'
from pg_stat_get_progress_info('ANALYZE') s left join pg_database d on d.oid = s.datid;

-- pg_stat_progress_vacuum
select s.pid, s.datid, d.datname, s.relid,
    case s.param1 when 0 then text 'initializing' when 1 then 'scanning heap'
        when 2 then 'vacuuming indexes' when 3 then 'vacuuming heap'
        when 4 then 'cleaning up indexes' when 5 then 'truncating heap'
        when 6 then 'performing final cleanup' end,
    s.param2, s.param3, s.param4, s.param5, s.param6, s.param7, s.param8, s.param9, s.param10,
    s.param11 / float8 '1000000'
from pg_stat_get_progress_info('VACUUM') s left join pg_database d on d.oid = s.datid;

-- pg_stat_progress_cluster
select s.pid, s.datid, d.datname, s.relid,
    case s.param1 when 1 then text 'CLUSTER' when 2 then 'VACUUM FULL' end,
    case s.param2 when 0 then text 'initializing' when 1 then 'seq scanning heap'
        when 2 then 'index scanning heap' when 3 then 'sorting tuples'
        when 4 then 'writing new heap' when 5 then 'swapping relation files'
        when 6 then 'rebuilding index' when 7 then 'performing final cleanup' end,
    s.param3::oid, s.param4, s.param5, s.param6, s.param7, s.param8
from pg_stat_get_progress_info('CLUSTER') s left join pg_database d on d.oid = s.datid;

-- pg_stat_progress_create_index
select s.pid, s.datid, d.datname, s.relid, s.param7::oid,
    case s.param1 when 1 then text 'CREATE INDEX' when 2 then 'CREATE INDEX CONCURRENTLY'
        when 3 then 'REINDEX' when 4 then 'REINDEX CONCURRENTLY' end,
    case s.param10 when 0 then text 'initializing' when 1 then 'waiting for writers before build'
        when 2 then 'building index'
            || coalesce(': ' || pg_indexam_progress_phasename(s.param9::oid, s.param11), '')
        when 3 then 'waiting for writers before validation'
        when 4 then 'index validation: scanning index'
        when 5 then 'index validation: sorting tuples'
        when 6 then 'index validation: scanning table' when 7 then 'waiting for old snapshots'
        when 8 then 'waiting for readers before marking dead'
        when 9 then 'waiting for readers before dropping' end,
    s.param4, s.param5, s.param6, s.param16, s.param17, s.param12, s.param13, s.param14, s.param15
from pg_stat_get_progress_info('CREATE INDEX') s left join pg_database d on d.oid = s.datid;

-- pg_stat_progress_basebackup
select s.pid,
    case s.param1 when 0 then text 'initializing' when 1 then 'waiting for checkpoint to finish'
        when 2 then 'estimating backup size' when 3 then 'streaming database files'
        when 4 then 'waiting for wal archiving to finish' when 5 then 'transferring wal files' end,
    nullif(s.param2, int8 '-1'), s.param3, s.param4, s.param5
from pg_stat_get_progress_info('BASEBACKUP') s;

-- pg_stat_progress_copy
select s.pid, s.datid, d.datname, s.relid,
    case s.param5 when 1 then text 'COPY FROM' when 2 then 'COPY TO' end,
    case s.param6 when 1 then text 'FILE' when 2 then 'PROGRAM' when 3 then 'PIPE'
        when 4 then 'CALLBACK' end,
    s.param1, s.param2, s.param3, s.param4, s.param7
from pg_stat_get_progress_info('COPY') s left join pg_database d on d.oid = s.datid;

-- pg_user_mappings
select m.oid, s.oid, s.srvname, m.umuser, case m.umuser when 0 then 'public' else r.rolname end,
    case when (select me.rolsuper from pg_authid me where me.rolname = current_user)
            or case m.umuser when 0 then pg_has_role(s.srvowner, 'USAGE')
                else r.rolname = current_user and (pg_has_role(s.srvowner, 'USAGE')
                    or has_server_privilege(s.oid, 'USAGE')) end
        then m.umoptions end
from pg_user_mapping m join pg_foreign_server s on s.oid = m.umserver
    left join pg_authid r on r.oid = m.umuser;

-- pg_replication_origin_status
select o.* from pg_show_replication_origin_status() o;

-- pg_stat_subscription_stats
select s.oid, s.subname, t.apply_error_count, t.sync_error_count, t.confl_insert_exists,
    t.confl_update_origin_differs, t.confl_update_exists, t.confl_update_missing,
    t.confl_delete_origin_differs, t.confl_delete_missing, t.confl_multiple_unique_conflicts,
    t.stats_reset
from pg_subscription s cross join lateral pg_stat_get_subscription_stats(s.oid) t;

-- pg_wait_events
select w.* from pg_get_wait_events() w;

-- pg_aios
select a.* from pg_get_aios() a;
