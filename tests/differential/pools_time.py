"""Arguments for functions on dates, times and intervals: see :mod:`tests.differential.pools`."""

from __future__ import annotations

# ruff: noqa: E501
FIELDS = ["year", "month", "day", "hour", "minute", "second", "epoch", "dow", "doy", "week",
          "quarter", "century", "decade", "millennium", "isodow", "isoyear", "julian",
          "milliseconds", "microseconds", "timezone", "timezone_hour", "timezone_minute", "nosuch",
          "now", "infinity", "JULIAN", "mm", "Years", "ago", "jan", "", "monday", "am", "j", "y", "d"]
ZONES = ["UTC", "utc", "Europe/Berlin", "america/new_york", "EST", "PDT", "MSK", "+5", "-03:30",
         "5", "nosuch", "", "Asia/Kolkata", "<+03>-3", "CET", "z", "NST", "Pacific/Apia", "GMT+2", "VET"]
_SPANS = ["0", "01:00", "-05:30", "1 day", "1 month", "infinity", "-infinity", "00:00:01.5", "-00:00:00.5",
          "2562047788:00:54"]
_SECONDS = ["0", "1.5", "59.9999996", "60", "-1", "60.1", "NaN", "Infinity", "1e300"]
_YEARS = ["2024", "1", "0", "-1", "-4713", "-4714", "5874897", "294276", "294277", "2147483647", "-2147483648"]

TIME_ARGUMENTS: dict[tuple[str, int], list[str]] = {
    ("interval_scale", 1): ["-1", "2147418112", "2147418115", "2147483647", "2147418119", "327679",
                            "262143", "467533823", "67174399", "134283263", "402718719"],
    ("timestamp_scale", 1): ["-1", "0", "1", "3", "6", "7", "-2"],
    ("timestamptz_scale", 1): ["-1", "0", "1", "3", "6", "7", "-2"],
    ("time_scale", 1): ["-1", "0", "1", "3", "6", "7", "-2"],
    ("timetz_scale", 1): ["-1", "0", "1", "3", "6", "7", "-2"],
    ("timestamptz_trunc_zone", 2): ZONES,
    ("generate_series_timestamptz_at_zone", 3): ZONES,
    ("timestamptz_pl_interval_at_zone", 2): ZONES,
    ("timestamptz_mi_interval_at_zone", 2): ZONES,
    ("make_timestamptz_at_timezone", 6): ZONES,
    ("float8_timestamptz", 0): ["0", "1.5", "-1", "NaN", "Infinity", "-Infinity", "1e12", "9224318015999",
                                "9224318016000", "-210866803200", "-210866803201", "1234567890.1234567"],
    ("date_pli", 1): ["0", "1", "-1", "365", "2147483647", "-2147483648", "-2451545", "-2451546"],
    ("date_mii", 1): ["0", "1", "-1", "365", "2147483647", "-2147483648", "2451545", "2451546"],
    ("interval_mul", 1): ["0", "1", "-1", "0.5", "1.5", "0.1", "-0.3333333", "1e15", "NaN", "Infinity",
                          "-Infinity", "2.7182818", "1e-7", "100"],
    ("interval_div", 1): ["0", "1", "-1", "0.5", "1.5", "7", "-0.3333333", "1e15", "NaN", "Infinity",
                          "-Infinity", "3", "1e-7"],
    ("timestamp_bin", 0): ["15 min", "1 day", "7 days 01:00", "1 month", "0", "-1 day", "infinity", "00:00:00.000003",
                           "106751992 days", "2147483647 days"],
    ("make_interval", 6): _SECONDS,
}  # fmt: skip
TEMPLATES = [
    "YYYY-MM-DD HH24:MI:SS.US", "DD Mon YYYY", "Day, DD Month YYYY", "DAY DY day dy Dy", "MONTH Month month MON Mon mon",
    "FMDay, FMDD FMMonth FMYYYY", "HH HH12 HH24 MI SS", "MS US FF1 FF2 FF3 FF4 FF5 FF6", "SSSS SSSSS",
    "AM am A.M. a.m. PM p.m.", "AD bc B.C. a.d.", "CC YYYY YYY YY Y", "Y,YYY", "IYYY IYY IY I IW ID IDDD", "Q WW W D DDD J",
    "RM rm FMRM", "TZ tz TZH TZM OF FMOF", "DDth DDTH MMth HH24th YYYYTH", "\"text\" YYYY \\\"q", "FMHH24:FMMI:FMSS",
    "TMMonth TMDay TMMon", "FXYYYY", "YYYYSP DDSP", "Dd", "xyz", "", "FM", "YYYY\"T\"HH24", "D\"\\\"\"Q", "FMDDth FMMM FMDDD FMWW FMIW",
    "FMYYY FMYY FMY FMI FMCC", "äöü YYYY日", "HH:MI:SS AM", "Jth Qth Wth CCth", "MSth USTH SSSSth", "hh24:mi:ss yyyy-mm-dd"]
READ = [
    "2024-02-29", "2024-02-29 12:34:56.789", "20240229", "29 Feb 2024", "February 29, 2024", "2024  02   29", "24", "99", "0", "",
    "2024-02-30", "13", "12:34:56 PM", "11:59 am", "13:00 PM", "1 January 2000 BC", "44-03-15 BC", "2,024", "MMXXIV", "iv", "IV 2000",
    "2024-060", "2024-W09-4", "2460370", "86399", "86400", "-5", "+0530", "-03:30", "2024-02-29 -08", "EST", "CEST 2024", "abc",
    "99999-12-31", "10000000000", "Mon 5", "Thursday", "1st", "22nd", "12", "1999 12", " 2024 ", "2024/02/29T10:11:12", "10 20 30",
    "2024-12", "1 2 3", "21", "366 2023", "123456", "00:00:00", "25:00:00", "23:59:60", "2024-02-29 12:34:56.7891234"]
READ_WITH = [*TEMPLATES, "YYYY-MM-DD", "YYYYMMDD", "DD Mon YYYY", "Month DD, YYYY", "YYYY  MM DD", "YY", "MM", "DD", "HH12:MI:SS AM",
    "HH:MI am", "DD Month YYYY BC", "YY-MM-DD BC", "Y,YYY", "RM", "RM YYYY", "YYYY-DDD", "IYYY-\"W\"IW-ID", "J", "SSSSS", "TZH", "TZH:TZM",
    "YYYY-MM-DD TZH", "TZ", "TZ YYYY", "OF", "Dy DD", "Day", "DDth", "DDTH", "HH24", "YYYY MM", "FXYYYY-MM-DD", "YYYY/MM/DD\"T\"HH24:MI:SS",
    "Q", "W", "WW YYYY", "CC", "CC YY", "YYY", "Y", "DDD YYYY", "HH24MISS", "HH24:MI:SS", "FF3", "FF6", "MS", "US", "YYYY-MM-DD HH24:MI:SS.FF3",
    "YYYY-MM-DD HH24:MI:SS.MS", "FMYYYY-FMMM-FMDD", "MI:SS", "IYYY-MM", "YYYY IW", "D W MM YYYY", "I ID", "HH24:MI:SS.FF6"]
TIME_ARGUMENTS["to_timestamp", 0] = TIME_ARGUMENTS["to_date", 0] = READ
TIME_ARGUMENTS["to_timestamp", 1] = TIME_ARGUMENTS["to_date", 1] = READ_WITH
for _kind in ("timestamp", "timestamptz", "interval"):
    TIME_ARGUMENTS[f"{_kind}_to_char", 1] = TEMPLATES
#: Of intervals beyond any calendar, the server's week fields overflow.
TIME_ARGUMENTS["interval_to_char", 1] = [t for t in TEMPLATES if "FMI" not in t]
TIME_ARGUMENTS["mul_d_interval", 0] = TIME_ARGUMENTS["interval_mul", 1]
TIME_ARGUMENTS["timestamptz_bin", 0] = TIME_ARGUMENTS["timestamp_bin", 0]
for _kind in ("timestamp", "timestamptz", "interval", "time", "timetz"):
    TIME_ARGUMENTS[f"{_kind}_part", 0] = TIME_ARGUMENTS[f"extract_{_kind}", 0] = FIELDS
    TIME_ARGUMENTS[f"{_kind}_trunc", 0] = FIELDS
    TIME_ARGUMENTS[f"{_kind}_zone", 0] = ZONES
    TIME_ARGUMENTS[f"{_kind}_izone", 0] = _SPANS
TIME_ARGUMENTS["extract_date", 0] = TIME_ARGUMENTS["timestamptz_trunc_zone", 0] = FIELDS
for _name in ("make_date", "make_timestamp", "make_timestamptz", "make_timestamptz_at_timezone"):
    TIME_ARGUMENTS[_name, 0] = _YEARS
    TIME_ARGUMENTS[_name, 1] = ["1", "2", "11", "12", "2", "7", "3", "0", "13"]
    TIME_ARGUMENTS[_name, 2] = ["1", "24", "28", "29", "31", "15", "0", "32"]
    TIME_ARGUMENTS[_name, 3] = ["0", "12", "23", "5", "24", "25", "-1"]
    TIME_ARGUMENTS[_name, 4] = ["0", "30", "59", "7", "60", "-1"]
    TIME_ARGUMENTS[_name, 5] = _SECONDS
TIME_ARGUMENTS["make_time", 0] = ["0", "12", "23", "5", "24", "25", "-1"]
TIME_ARGUMENTS["make_time", 1] = ["0", "30", "59", "7", "60", "-1"]
TIME_ARGUMENTS["make_time", 2] = _SECONDS
