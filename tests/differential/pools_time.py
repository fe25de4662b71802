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
