-- Record the ink that belongs to no digit, and which mark a cell has.
alter table fields add column extra_ink varchar;
alter table cells add column mark varchar;

comment on column fields.extra_ink is
    'Description of ink that belongs to no digit, such as a decimal comma. Null if none was found.';
comment on column cells.mark is
    'Mark in the cell, X or -. Null if the cell has none, or if an older release read it.';
