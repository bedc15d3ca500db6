-- Comments on every table, view, column, macro and sequence: what it holds, its unit, and what null means.
-- duckdb_tables(), duckdb_views(), duckdb_columns() and duckdb_functions() return them.

comment on table schema_migrations is 'One row per migration that was applied to this database.';
comment on column schema_migrations.version is 'Number of the migration.';
comment on column schema_migrations.name is 'File name of the migration.';
comment on column schema_migrations.applied_at is 'Time when the migration was applied (UTC).';

comment on table model_versions is 'One row per registered model version, with the origin of its weights.';
comment on column model_versions.model_name is 'Name of the registered model.';
comment on column model_versions.model_version is 'Number of the version in the model registry.';
comment on column model_versions.architecture is 'Network architecture, such as lenet5.';
comment on column model_versions.recipe is 'Name of the training recipe.';
comment on column model_versions.training_run_id is 'Id of the MLflow run that trained the version.';
comment on column model_versions.weights_sha256 is 'Sha256 of the weights file.';
comment on column model_versions.preprocessing_fingerprint is 'Sha256 of the preprocessing settings.';
comment on column model_versions.training_fingerprint is 'Fingerprint of the training digits.';
comment on column model_versions.temperature is 'Calibration temperature. The scores are divided by it.';
comment on column model_versions.code_revision is 'Revision of the code that trained the version.';
comment on column model_versions.test_accuracy is
    'Accuracy on a test set, 0 to 1. Null if it was not measured.';
comment on column model_versions.registered_at is 'Time of registration (UTC).';
comment on column model_versions.actor is 'User who registered the version.';
comment on column model_versions.flow_run_id is
    'Id of the Prefect flow run. Null if the job ran without Prefect.';
comment on column model_versions.effort is
    'Effort of the training, quick or best. Null if an older release recorded the version.';
comment on column model_versions.trained_on is
    'Part of the datasets used for training. Null if an older release recorded the version.';
comment on column model_versions.datasets is
    'Training datasets, separated by commas. Null if an older release recorded the version.';

comment on table promotions is 'One row per event that moved a registry alias or refused to move it.';
comment on column promotions.promotion_number is 'Number of the event, in recording order.';
comment on column promotions.model_name is 'Name of the registered model.';
comment on column promotions.action is 'Kind of event: register, promote, refuse or rollback.';
comment on column promotions.alias is 'Alias that moved or was refused: challenger or champion.';
comment on column promotions.model_version is 'Version that the event is about.';
comment on column promotions.former_version is
    'Version that had the alias before, or that keeps it after a refusal. Null if there was none.';
comment on column promotions.reason is 'Reason for the event.';
comment on column promotions.recorded_at is 'Time of the event (UTC).';
comment on column promotions.actor is 'User who caused the event.';
comment on column promotions.flow_run_id is
    'Id of the Prefect flow run. Null if the job ran without Prefect.';
comment on column promotions.gate_digits is
    'Number of gate digits that both versions read. Null if the gate was not used.';
comment on column promotions.champion_right is
    'Gate digits that the champion read correctly. Null if the gate was not used.';
comment on column promotions.challenger_right is
    'Gate digits that the challenger read correctly. Null if the gate was not used.';
comment on column promotions.champion_only_right is
    'Gate digits that only the champion read correctly. Null if the gate was not used.';
comment on column promotions.challenger_only_right is
    'Gate digits that only the challenger read correctly. Null if the gate was not used.';
comment on column promotions.p_value is
    'P-value of the exact McNemar test, 0 to 1. Null if the gate was not used.';
comment on column promotions.smallest_difference is
    'Smallest difference in correct digits that the test could detect. Null if the gate was not used.';

comment on table scoring_runs is
    'One row per scoring run: one manifest of a dataset, read by one model version.';
comment on column scoring_runs.scoring_run_id is 'Id of the scoring run, derived from its inputs.';
comment on column scoring_runs.dataset is 'Dataset that the run reads, NAME/SPLIT.';
comment on column scoring_runs.manifest_version is 'Version of the dataset''s manifest.';
comment on column scoring_runs.manifest_fingerprint is 'Fingerprint of the manifest''s content.';
comment on column scoring_runs.model_name is 'Name of the registered model.';
comment on column scoring_runs.model_version is 'Version of the model.';
comment on column scoring_runs.preprocessing_fingerprint is 'Sha256 of the preprocessing settings.';
comment on column scoring_runs.precision is 'Arithmetic of the model: float32 or fast.';
comment on column scoring_runs.started_at is 'Time of the first start (UTC).';
comment on column scoring_runs.finished_at is
    'Time when the last shard was scored (UTC). Null if the run has not finished.';
comment on column scoring_runs.actor is 'User who started the run.';
comment on column scoring_runs.flow_run_id is
    'Id of the Prefect flow run. Null if the job ran without Prefect.';
comment on column scoring_runs.stopped_at is
    'Time when the run stopped before its end (UTC). Null if it is running or finished.';

comment on table scoring_run_shards is 'One row per shard of a scoring run, whether it is scored or not.';
comment on column scoring_run_shards.scoring_run_id is 'Id of the scoring run.';
comment on column scoring_run_shards.shard_position is 'Position of the shard in the manifest, from 0.';
comment on column scoring_run_shards.shard_score_id is 'Id of the shard score, which may not exist yet.';
comment on column scoring_run_shards.shard_fingerprint is 'Fingerprint of the shard''s content.';
comment on column scoring_run_shards.rows is 'Number of digits in the shard.';

comment on table shard_scores is
    'The ledger. One row per shard that a model version has scored, committed with its predictions.';
comment on column shard_scores.shard_score_id is
    'Id of the shard score, derived from shard, model version, preprocessing and precision.';
comment on column shard_scores.shard_fingerprint is 'Fingerprint of the shard''s content.';
comment on column shard_scores.dataset is 'Dataset of the run that scored the shard, NAME/SPLIT.';
comment on column shard_scores.model_name is 'Name of the registered model.';
comment on column shard_scores.model_version is 'Version of the model.';
comment on column shard_scores.preprocessing_fingerprint is 'Sha256 of the preprocessing settings.';
comment on column shard_scores.precision is 'Arithmetic of the model: float32 or fast.';
comment on column shard_scores.rows is 'Number of digits that were scored.';
comment on column shard_scores.device is 'Device that ran the model, such as cpu or cuda.';
comment on column shard_scores.seconds is
    'Scoring time, seconds. Null if an earlier attempt had computed the predictions.';
comment on column shard_scores.scored_at is 'Time when the predictions were loaded (UTC).';
comment on column shard_scores.actor is 'User who started the scoring.';
comment on column shard_scores.flow_run_id is
    'Id of the Prefect flow run. Null if the job ran without Prefect.';
comment on column shard_scores.engine is
    'Hardware and program that computed the predictions. Null if an older release scored the shard.';
comment on column shard_scores.predictions_sha256 is
    'Sha256 of all predictions, in digit order. Null if an older release scored the shard.';
comment on column shard_scores.ink_counts is
    'Images per bin of ink, in a sample of the shard. Null if an older release scored the shard.';

comment on table predictions is 'One row per digit and shard score.';
comment on column predictions.digit_id is 'Id of the digit.';
comment on column predictions.shard_score_id is 'Shard score that the prediction belongs to.';
comment on column predictions.label is 'Predicted digit, 0 to 9.';
comment on column predictions.confidence is 'Calibrated probability of the label, 0 to 1.';
comment on column predictions.probabilities is
    'Calibrated probabilities of the digits 0 to 9, given that the image is a digit. They sum to 1.';
comment on column predictions.not_a_digit is
    'Score that the image is not a digit, 0 to 1. Null if the model has no such score.';
comment on column predictions.truth is 'True digit from the label in the shard, 0 to 9. Null if unknown.';

comment on table digits is
    'One row per digit and shard, with its place on paper. The images are in the lake.';
comment on column digits.shard_fingerprint is 'Fingerprint of the shard that contains the image.';
comment on column digits.digit_id is 'Id of the digit, derived from its place on paper.';
comment on column digits.source is 'File or data set that contains the digit.';
comment on column digits.source_sha256 is 'Sha256 of that file or data set.';
comment on column digits.page is 'Page of the source, from 1.';
comment on column digits.field is 'Field of the form. Null outside forms.';
comment on column digits.position is 'Position in the field, or on the page outside forms, from 0.';
comment on column digits.polarity is 'Polarity of the source: bright_on_dark or dark_on_bright.';
comment on column digits.label is 'Label from ingest, 0 to 9. Null if unknown.';

comment on table rejects is 'One row per input that could not be read.';
comment on column rejects.reject_id is 'Id of the reject.';
comment on column rejects.dataset is 'Dataset that the input was meant for, NAME/SPLIT.';
comment on column rejects.source is 'Path or name of the input.';
comment on column rejects.source_sha256 is 'Sha256 of the input. Null if it could not be computed.';
comment on column rejects.page is 'Page of the source, from 1. Null if the whole input was rejected.';
comment on column rejects.kind is 'Kind of reject, such as poor_scan or bad_shard.';
comment on column rejects.reason is 'Reason for the rejection.';
comment on column rejects.rejected_at is 'Time of the rejection (UTC).';
comment on column rejects.actor is 'User who started the job that rejected the input.';
comment on column rejects.flow_run_id is 'Id of the Prefect flow run. Null if the job ran without Prefect.';

comment on table documents is 'One row per dataset and file of scanned pages.';
comment on column documents.dataset is 'Dataset of the document, NAME/SPLIT.';
comment on column documents.source_sha256 is 'Sha256 of the file.';
comment on column documents.source is 'Path of the file.';
comment on column documents.pages is 'Number of pages in the file.';
comment on column documents.size_bytes is 'Size of the file, bytes.';
comment on column documents.recorded_at is 'Time when the document was recorded (UTC).';
comment on column documents.actor is 'User who started the ingest.';
comment on column documents.flow_run_id is 'Id of the Prefect flow run. Null if the job ran without Prefect.';

comment on table templates is 'One row per template that pages were read with.';
comment on column templates.template is 'Fingerprint of the template.';
comment on column templates.form is 'Name of the form.';
comment on column templates.text is 'Content of the template, as YAML.';
comment on column templates.recorded_at is 'Time when the template was recorded (UTC).';
comment on column templates.actor is 'User who started the ingest.';

comment on table template_fields is 'One row per field of a template.';
comment on column template_fields.template is 'Fingerprint of the template.';
comment on column template_fields.field is 'Name of the field.';
comment on column template_fields.field_number is 'Position of the field in the template, from 0.';
comment on column template_fields.is_unique is 'True if no two pages may have the same value in this field.';

comment on table pages is 'One row per page and reading attempt with a template or a set of templates.';
comment on column pages.page_id is 'Id of the page, derived from dataset, document, page and template.';
comment on column pages.dataset is 'Dataset of the page, NAME/SPLIT.';
comment on column pages.source is 'Path of the document.';
comment on column pages.source_sha256 is 'Sha256 of the document.';
comment on column pages.page is 'Page of the document, from 1.';
comment on column pages.page_fingerprint is
    'Fingerprint of the page''s pixels. Null if the page could not be decoded.';
comment on column pages.width_px is 'Width of the scan, pixels. Null if the page could not be decoded.';
comment on column pages.height_px is 'Height of the scan, pixels. Null if the page could not be decoded.';
comment on column pages.dpi is 'Resolution of the scan, dots per inch. Null if unknown.';
comment on column pages.status is 'Result of the attempt: read, unmatched, blank, rejected or duplicate.';
comment on column pages.reason is 'Reason why the page was not read. Null if it was read.';
comment on column pages.form is
    'Name of the matched form, or of the most similar one. Null if there is none.';
comment on column pages.template is 'Fingerprint of the matched template. Null if the page was not read.';
comment on column pages.templates is 'Fingerprint of the set of templates that the ingest tried.';
comment on column pages.rotation is
    'Clockwise turn that brings the scan upright: 0, 90, 180 or 270 degrees. Null if the page was not read.';
comment on column pages.residual_px is
    'Root mean square error of the registration, pixels of the registered page. Null if not measured.';
comment on column pages.to_scan is
    '3x3 homography, row-major, from registered to scan pixels. Null if the page was not read.';
comment on column pages.duplicate_of is
    'Id of the page with the same pixels that was read before. Null if the page is not a duplicate.';
comment on column pages.read_at is 'Time of the attempt (UTC).';
comment on column pages.actor is 'User who started the ingest.';
comment on column pages.flow_run_id is 'Id of the Prefect flow run. Null if the job ran without Prefect.';

comment on table fields is 'One row per field on a page that was read.';
comment on column fields.field_id is 'Id of the field, derived from the page and the field''s name.';
comment on column fields.page_id is 'Id of the page.';
comment on column fields.template is 'Fingerprint of the template.';
comment on column fields.field is 'Name of the field.';
comment on column fields.field_number is 'Position of the field in the template, from 0.';
comment on column fields.box is 'Field on the registered page, pixels at 200 dpi.';
comment on column fields.source_box is 'Field on the original scan, pixels.';
comment on column fields.picture is 'Picture of the field on the registered page, JPEG.';

comment on table cells is 'One row per cell of a field, or per digit found in a field without dividers.';
comment on column cells.field_id is 'Id of the field.';
comment on column cells.page_id is 'Id of the page.';
comment on column cells.position is 'Position in the field, from 0.';
comment on column cells.state is
    'Content of the cell: blank, digit, or mark for the sign that fills an unused cell.';
comment on column cells.digit_id is 'Id of the digit. Null if the cell is blank.';
comment on column cells.ink is 'Amount of ink, square millimetres of full ink.';
comment on column cells.box is 'Cell on the registered page, pixels at 200 dpi.';
comment on column cells.source_box is 'Cell on the original scan, pixels.';

comment on table field_values is
    'One row per field and reader. A reader is a model version with its preprocessing and precision.';
comment on column field_values.field_id is 'Id of the field.';
comment on column field_values.page_id is 'Id of the page.';
comment on column field_values.model_name is 'Name of the registered model.';
comment on column field_values.model_version is 'Version of the model.';
comment on column field_values.preprocessing_fingerprint is 'Sha256 of the preprocessing settings.';
comment on column field_values.precision is 'Arithmetic of the model: float32 or fast.';
comment on column field_values.scoring_run_id is 'Scoring run that assembled the value.';
comment on column field_values.status is 'Result: read, corrected, blank, rule_failed or unreadable.';
comment on column field_values.raw_value is
    'Value formed by the most probable digits, with ? for images that are not digits. Null if blank.';
comment on column field_values.value is
    'Final value, corrected if the raw value breaks a rule. Null if blank or unreadable.';
comment on column field_values.confidence is
    'Probability that the whole value is correct, 0 to 1. Null if there is no value.';
comment on column field_values.raw_probability is
    'Probability of the raw value, 0 to 1. Null if there is no value.';
comment on column field_values.probability is
    'Probability of the final value, 0 to 1. Null if there is no value.';
comment on column field_values.posterior is
    'Lower bound of the probability of value among all valid values, 0 to 1. Null if there is no value.';
comment on column field_values.broken_rule is 'Rule that the raw value breaks. Null if there is none.';
comment on column field_values.is_doubtful is 'True if a person should check the value.';
comment on column field_values.reason is 'Reasons for the check. Null if there are none.';

comment on table page_rule_failures is
    'One row per page, reader and rule across fields that the values of the page break.';
comment on column page_rule_failures.page_id is 'Id of the page.';
comment on column page_rule_failures.model_name is 'Name of the registered model.';
comment on column page_rule_failures.model_version is 'Version of the model.';
comment on column page_rule_failures.preprocessing_fingerprint is 'Sha256 of the preprocessing settings.';
comment on column page_rule_failures.precision is 'Arithmetic of the model: float32 or fast.';
comment on column page_rule_failures.rule is 'Rule that the values break.';

comment on table field_truths is 'One row per field with a known value, from a file of true values.';
comment on column field_truths.field_id is 'Id of the field.';
comment on column field_truths.page_id is 'Id of the page.';
comment on column field_truths.truth is 'True value of the field, empty for a blank field.';
comment on column field_truths.recorded_at is 'Time when the value was recorded (UTC).';
comment on column field_truths.actor is 'User who recorded the value.';

comment on table policies is
    'One row per policy. The newest one per subject, model version and precision is in force.';
comment on column policies.policy_number is 'Number of the policy, in recording order.';
comment on column policies.subject is 'Subject of the policy: digit or field.';
comment on column policies.model_name is 'Name of the registered model.';
comment on column policies.model_version is 'Version of the model.';
comment on column policies.precision is 'Arithmetic of the model: float32 or fast.';
comment on column policies.max_error is 'Limit for the error rate of what is accepted, 0 to 1.';
comment on column policies.certainty is 'Statistical certainty that the limit holds, 0 to 1.';
comment on column policies.threshold is
    'Lowest accepted confidence, 0 to 1. Null if the policy accepts nothing.';
comment on column policies.not_a_digit_from is 'Score from which an image counts as not a digit, 0 to 1.';
comment on column policies.review_rate is 'Share of what is accepted that is sampled for review, 0 to 1.';
comment on column policies.review_seed is 'Seed of the random sample.';
comment on column policies.evidence is 'Labelled digits or fields that the policy is based on.';
comment on column policies.evidence_fingerprint is 'Fingerprint of the evidence.';
comment on column policies.labelled is 'Number of labelled digits or fields in the evidence.';
comment on column policies.accepted is
    'Labelled ones that reach the threshold or, if it is null, the most promising threshold.';
comment on column policies.errors is 'Misread ones among the accepted.';
comment on column policies.error_bound is 'Upper bound of the error rate of what is accepted, 0 to 1.';
comment on column policies.labelled_needed is
    'Approximate number of labelled ones needed. Null if there were enough or no number is enough.';
comment on column policies.calibration_slope is
    'Slope of the calibration of field confidences. Null for digits.';
comment on column policies.calibration_offset is
    'Offset of the calibration of field confidences. Null for digits.';
comment on column policies.calibration_error is
    'Expected calibration error of field confidences, 0 to 1. Null for digits.';
comment on column policies.calibrated_error is
    'Expected calibration error after calibration, on other fields, 0 to 1. Null for digits.';
comment on column policies.recorded_at is 'Time when the policy was set (UTC).';
comment on column policies.actor is 'User who set the policy.';
comment on column policies.flow_run_id is 'Id of the Prefect flow run. Null if the job ran without Prefect.';

comment on table reviews is
    'One row per verdict of a person on a prediction. The newest verdict on a digit counts.';
comment on column reviews.review_number is 'Number of the review, in recording order.';
comment on column reviews.batch_id is 'Id that reviews imported together share.';
comment on column reviews.digit_id is 'Id of the digit.';
comment on column reviews.shard_score_id is 'Shard score that contains the reviewed prediction.';
comment on column reviews.verdict is 'Digit 0 to 9, blank, not_a_digit or unreadable.';
comment on column reviews.note is 'Note of the reviewer. Null if there is none.';
comment on column reviews.reviewed_at is 'Time of the review (UTC).';
comment on column reviews.actor is 'Reviewer.';

comment on table chain is
    'The audit chain. One row per recorded event. Each link contains the sha256 of the link before it.';
comment on column chain.link_number is 'Number of the link, from 1.';
comment on column chain.kind is 'Kind of event: beginning, version, promotion, policy, run or reviews.';
comment on column chain.subject is 'Number or id of the event. Empty for the beginning.';
comment on column chain.content_sha256 is 'Sha256 of the event as recorded, as chain_contents computes it.';
comment on column chain.previous_sha256 is 'Sha256 of the link before. Empty for the first link.';
comment on column chain.link_sha256 is 'Sha256 of this link: of all other columns.';
comment on column chain.linked_at is 'Time when the link was added (UTC).';

comment on table drift_references is
    'One row per model version, measure and bin: the distribution of its validation digits.';
comment on column drift_references.model_name is 'Name of the registered model.';
comment on column drift_references.model_version is 'Version of the model.';
comment on column drift_references.measure is 'Counted property: class, confidence, ink or not_a_digit.';
comment on column drift_references.bin is 'Number of the bin, from 0.';
comment on column drift_references.lower_end is 'Lower end of the bin, in the unit of the measure.';
comment on column drift_references.digits is 'Validation digits in the bin.';
comment on column drift_references.critical is
    'Value of the statistic that chance alone exceeds once in a thousand times.';

comment on table drift is
    'One row per finished run and measure: the distance from the reference of its model version.';
comment on column drift.scoring_run_id is 'Id of the scoring run.';
comment on column drift.measure is 'Compared property: class, confidence, ink or not_a_digit.';
comment on column drift.digits is 'Compared digits of the run.';
comment on column drift.reference_digits is 'Validation digits in the reference.';
comment on column drift.stability_index is
    'Population stability index. 0.1 counts as a moderate change, 0.25 as a large one.';
comment on column drift.kolmogorov_smirnov is
    'Largest difference between the two cumulative distributions, 0 to 1.';
comment on column drift.alarm_from is 'Index above which the run counts as drifted.';
comment on column drift.is_drifted is 'True if stability_index exceeds alarm_from.';
comment on column drift.measured_at is 'Time of the comparison (UTC).';

comment on view field_readings is 'One row per scoring run and field that its model version has read.';
comment on column field_readings.scoring_run_id is 'Id of the scoring run.';
comment on column field_readings.page_id is 'Id of the page.';
comment on column field_readings.source is 'Path of the document.';
comment on column field_readings.source_sha256 is 'Sha256 of the document.';
comment on column field_readings.page is 'Page of the document, from 1.';
comment on column field_readings.form is 'Name of the form.';
comment on column field_readings.template is 'Fingerprint of the template.';
comment on column field_readings.read_at is 'Time when the page was read (UTC).';
comment on column field_readings.field_id is 'Id of the field.';
comment on column field_readings.field is 'Name of the field.';
comment on column field_readings.field_number is 'Position of the field in the template, from 0.';
comment on column field_readings.box is 'Field on the registered page, pixels at 200 dpi.';
comment on column field_readings.source_box is 'Field on the original scan, pixels.';
comment on column field_readings.status is 'Result: read, corrected, blank, rule_failed or unreadable.';
comment on column field_readings.raw_value is
    'Value formed by the most probable digits, with ? for images that are not digits. Null if blank.';
comment on column field_readings.value is
    'Final value, corrected if the raw value breaks a rule. Null if blank or unreadable.';
comment on column field_readings.confidence is
    'Probability that the whole value is correct, 0 to 1. Null if there is no value.';
comment on column field_readings.raw_probability is
    'Probability of the raw value, 0 to 1. Null if there is no value.';
comment on column field_readings.probability is
    'Probability of the final value, 0 to 1. Null if there is no value.';
comment on column field_readings.posterior is
    'Lower bound of the probability of value among all valid values, 0 to 1. Null if there is no value.';
comment on column field_readings.broken_rule is 'Rule that the raw value breaks. Null if there is none.';
comment on column field_readings.is_doubtful is 'True if a person should check the value.';
comment on column field_readings.reason is 'Reasons for the check. Null if there are none.';

comment on view chain_contents is
    'One row per event that the audit chain covers, with the sha256 of its current content.';
comment on column chain_contents.kind is 'Kind of event: version, promotion, policy, run or reviews.';
comment on column chain_contents.subject is 'Number or id of the event.';
comment on column chain_contents.content_sha256 is
    'Sha256 of the event''s current content. It must equal the one in the event''s link.';

comment on macro is_sampled is 'True if the random sample contains an item, by the sha256 of seed and item.';
comment on macro decide_digit is 'Decision on a digit: accept, review or not_a_digit.';
comment on macro log_odds is 'Log-odds of a probability.';
comment on macro recalibrate is 'Confidence after a linear change of its log-odds.';
comment on macro link_sha256_of is 'Sha256 of a link of the audit chain.';
comment on macro link_text is 'Value as text with its length in front, or a minus if it is null.';
comment on macro prediction_text is
    'Prediction as text: its bytes in lower-case hexadecimal, 132 characters.';
comment on macro confidence_bin is 'Number of the drift bin that contains a confidence, 0 to 9.';

comment on macro table run_decisions is
    'One row per prediction of a run, with the decision of a policy: its number as text, or latest.';
comment on macro table run_pages is 'One row per form page with a digit that the run contains.';

comment on sequence promotion_numbers is 'Numbers of promotion events.';
comment on sequence policy_numbers is 'Numbers of policies.';
comment on sequence review_numbers is 'Numbers of reviews.';
