-- Record how sure the cuts between touching digits are. A network chooses them when the page is read.
alter table fields add column cut_probability float;
alter table fields add column cut_doubt varchar;

comment on column fields.cut_probability is
    'Probability that the digits of a box are cut rightly. Null if no network chose the cuts.';
comment on column fields.cut_doubt is
    'Another likely reading of touching digits, in words. Null if none is likely.';

-- The probabilities of values include that of the cuts.
comment on column values_read.raw_probability is
    'Product of the probabilities of the cuts and of the digits of raw_value. Null without a value.';
comment on column values_read.probability is
    'Product of the probabilities of the cuts and of the digits of value. Null without a value.';
comment on column field_values.raw_probability is
    'Product of the probabilities of the cuts and of the digits of the value read. Null without a value.';
comment on column field_values.probability is
    'Product of the probabilities of the cuts and of the digits of value_corrected. Null without a value.';
comment on column field_readings.raw_probability is
    'Product of the probabilities of the cuts and of the digits of the value read. Null without a value.';
comment on column field_readings.probability is
    'Product of the probabilities of the cuts and of the digits of value_corrected. Null without a value.';
comment on column final_values.raw_probability is
    'Product of the probabilities of the cuts and of the digits of the value read. Null without a value.';
comment on column final_values.probability is
    'Product of the probabilities of the cuts and of the digits of value_corrected. Null without a value.';
