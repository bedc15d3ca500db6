-- Cells whose ink has roughly the shape of a mark. They are scored like digits, and count as marks for a
-- reader that finds no digit in them.
alter table cells add column possible_mark varchar;
alter table cells add column is_like_mark boolean;

comment on column cells.possible_mark is
    'Mark that a digit resembles: X, -, /, curl or circle. Null if none, or if an older release read it.';
comment on column cells.is_like_mark is
    'True if the shape alone makes the cell doubtful. Null without a possible mark.';

-- The state of a cell for a reader. `values/marked_cells.py` has the same rule. Slashes, circles, and curls
-- that are not flat are never marks for sure: ones, zeros and other digits have their shapes.
create macro settled_state(state, possible_mark, is_like_mark, not_a_digit) as
    if(
        state = 'digit'
        and coalesce(
            not_a_digit >= 0.5
            and (possible_mark in ('X', '-') or (possible_mark = 'curl' and is_like_mark)),
            false
        ),
        'mark',
        state
    );

comment on macro settled_state is
    'State of a cell for a reader: blank, digit or mark. A possible mark without a digit is a mark.';
