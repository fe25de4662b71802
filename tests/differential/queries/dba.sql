-- dba
SELECT relname, relkind, relpages, reltuples FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname
SELECT c.relname, pg_relation_size(c.oid), pg_table_size(c.oid), pg_indexes_size(c.oid), pg_total_relation_size(c.oid) FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1
SELECT pg_size_pretty(sum(pg_relation_size(oid))) FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace
SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' ORDER BY 1, 2
SELECT datname, age(datfrozenxid) > 0, mxid_age(datminmxid) >= 0, datallowconn, datistemplate FROM pg_database ORDER BY 1
SELECT c.oid::regclass::text, age(c.relfrozenxid) >= 0, 2147483647 - age(c.relfrozenxid) > 0 FROM pg_class c WHERE c.relkind IN ('r', 't', 'm') AND c.relnamespace = 'public'::regnamespace ORDER BY 1
SELECT conname, contype, conrelid::regclass, confrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
SELECT c.relname AS table, i.relname AS index, x.indisunique, x.indisprimary, x.indkey, pg_get_indexdef(x.indexrelid) FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 2
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = 'emp'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
SELECT conrelid::regclass, conname FROM pg_constraint c WHERE contype = 'f' AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey) ORDER BY 1, 2
SELECT indrelid::regclass, array_agg(indexrelid::regclass ORDER BY indexrelid::regclass::text) FROM pg_index GROUP BY indrelid, indkey HAVING count(*) > 1 ORDER BY 1
SELECT schemaname, relname, seq_scan >= 0, n_live_tup, n_dead_tup FROM pg_stat_user_tables ORDER BY 1, 2
SELECT relname, indexrelname, idx_scan FROM pg_stat_user_indexes ORDER BY 1, 2
SELECT relname, indexrelname FROM pg_stat_all_indexes WHERE idx_scan = 0 AND schemaname = 'public' ORDER BY 1, 2
SELECT relname, heap_blks_read >= 0, heap_blks_hit >= 0 FROM pg_statio_user_tables ORDER BY 1
SELECT datname, numbackends >= 0, xact_commit >= 0 FROM pg_stat_database WHERE datname IS NOT NULL ORDER BY 1
SELECT checkpoints_timed FROM pg_stat_bgwriter
SELECT tablename, attname, null_frac, avg_width, n_distinct, most_common_vals, correlation FROM pg_stats WHERE schemaname = 'public' ORDER BY 1, 2, inherited
SELECT rolname, rolsuper, rolcanlogin FROM pg_roles ORDER BY 1
SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE n_tup_ins > 0 ORDER BY 1
SELECT current_setting('server_version_num')::int / 10000, current_setting('block_size'), current_setting('TimeZone')
SELECT t.typname, t.typtype, e.enumlabel FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid ORDER BY 1, e.enumsortorder
SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), l.lanname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'public'::regnamespace ORDER BY 1
SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1
SELECT pg_get_viewdef('rich'::regclass), pg_get_viewdef('nested'::regclass, true)
SELECT inhparent::regclass, inhrelid::regclass, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid ORDER BY 1, 2
SELECT relname, pg_get_partkeydef(oid) FROM pg_class WHERE relkind = 'p' ORDER BY 1
SELECT obj_description('emp'::regclass), col_description('emp'::regclass, 1), shobj_description(1, 'pg_database')
SELECT spcname, pg_tablespace_location(oid) FROM pg_tablespace ORDER BY 1
SELECT has_table_privilege('emp', 'SELECT'), has_schema_privilege('public', 'USAGE'), has_database_privilege(current_database(), 'CONNECT')
SELECT c.relname, c.relpages, ceil(c.reltuples * (24 + (SELECT sum(s.avg_width) FROM pg_stats s WHERE s.tablename = c.relname AND s.schemaname = 'public')) / 8168) FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.reltuples > 0 ORDER BY 1
SELECT d.classid::regclass::text, d.refclassid::regclass::text, d.deptype, count(*) FROM pg_depend d GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
SELECT extname, extversion FROM pg_extension ORDER BY 1
SELECT amname, opcname FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod WHERE opcdefault ORDER BY 1, 2
SELECT sequencename, start_value, min_value, max_value, increment_by, last_value FROM pg_sequences ORDER BY 1
SELECT last_value, is_called FROM emp_id_seq
SELECT name, setting FROM pg_settings WHERE name IN ('work_mem', 'block_size', 'server_encoding') ORDER BY 1
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', '') AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast' AND n.nspname <> 'information_schema' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2
SELECT relname, pg_relation_filenode(oid) = relfilenode, pg_relation_filepath(oid) LIKE 'base/%' FROM pg_class WHERE relname = 'emp'
SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = current_database()
SELECT table_name, column_name, data_type, is_nullable, column_default, ordinal_position FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 6
SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1
SELECT constraint_name, table_name, constraint_type FROM information_schema.table_constraints WHERE table_schema = 'public' ORDER BY 1, 2
SELECT tc.table_name, kcu.column_name, ccu.table_name FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage kcu USING (constraint_name) JOIN information_schema.constraint_column_usage ccu USING (constraint_name) WHERE tc.constraint_type = 'FOREIGN KEY' ORDER BY 1, 2
