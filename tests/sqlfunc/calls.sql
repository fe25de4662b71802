select f_def(1), f_def(1, 2), f_def(1, c => 'z'), f_def(a := 3)
select f_var(1, 2, 3), f_var(variadic array[7, 2])
select f_poly(1, 2), f_poly('a'::text, 'b'), f_compat(1, 2.5)
select (f_out(2)).x, (f_out(3)).y
select * from f_out(5)
select * from f_set(1)
select * from f_tab(0) as q(kk, vv) order by 1
select * from f_tab(0) with ordinality as q(kk, vv, o)
select * from f_rec() as r(a int, b int)
select f_body(3), f_body(null), f_body2(0)
select f_body2(g) from generate_series(0, 2) g
select shadow(1), shadow('x'), shadow(1.5)
select g, (select sum(k) from f_tab(g)) from generate_series(0, 3) g
select f_body(a), f_def(a, a) from t1 order by a
select (f_tab(0)).*
select count(*) from f_tab(1) a join f_tab(0) b using (k)
select * from t1, lateral f_tab(t1.a) f order by 1, f.k
select f_strict(1, null), f_strict(1, 2)
select f_mult(2), f_mult(random()) > 0
select f_two(5)
select f_rowarg(t1) from t1 order by a
select f_rowarg((9, 'z', 1, null, null, null, null)::t1)
select f_dom(5), f_enum('ok'), f_arr(array[1, 2, 3])
select f_void()
select f_named(b => 1, a => 2)
select f_vol(3)
select f_agg(array[1, 2, 3])
select * from f_setof_scalar(3) x
select f_setof_scalar(2)
select * from rows from (f_setof_scalar(2), f_setof_scalar(3))
select x, n from information_schema._pg_expandarray(array[5, 6])
select (information_schema._pg_expandarray('{a,b}'::text[])).n
select f_rec2(1)
select f_nested(4)
select f_with(3), f_union()
select f_conv(3), f_lim()
select a, f_union() from t1 order by 1, 2
