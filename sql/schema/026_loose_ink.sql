-- Record the decimal separators and the minus of a field with their places. The template decides which of
-- them are part of the value; `extra_ink` describes the others.
alter table fields add column loose_ink struct(
    kind varchar,
    position integer,
    box struct(x integer, y integer, width integer, height integer),
    is_read boolean
)[];

comment on column fields.loose_ink is
    'Separators and minus: kind, position of their digit, box, and if part of the value. Null if none.';
