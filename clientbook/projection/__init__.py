"""The clock-free tables, folded from the log by the SQL files beside this one."""
