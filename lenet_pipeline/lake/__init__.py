"""The lake: datasets of digits, stored as immutable Parquet shards that a versioned manifest lists.

A dataset is named ``name/split``. Shards and manifests are stored in a folder or an object store, and are
identified by fingerprints of their content. This room needs only numpy and pyarrow.
"""

from lenet_pipeline.lake.appending import Amendment, amend_digits, append_digits, compare_labels, read_labels
from lenet_pipeline.lake.datasets import (
    Manifest,
    Shard,
    find_manifest,
    list_datasets,
    read_manifest,
    read_manifests,
    read_shard,
    shard_path,
    validate_dataset,
)
from lenet_pipeline.lake.digits import digit_ids_array, images_array
from lenet_pipeline.lake.fingerprints import (
    digest_predictions,
    fingerprint_parts,
    fingerprint_record,
    one_array,
)
from lenet_pipeline.lake.object_stores import mask_url
from lenet_pipeline.lake.splits import GATE, hash_fractions, split_keys, training_splits
from lenet_pipeline.lake.stated_labels import StatedLabels
from lenet_pipeline.lake.storage import AnyPlace, ListedObject, Place, open_place, open_sink

__all__ = [
    "GATE",
    "Amendment",
    "AnyPlace",
    "ListedObject",
    "Manifest",
    "Place",
    "Shard",
    "StatedLabels",
    "amend_digits",
    "append_digits",
    "compare_labels",
    "digest_predictions",
    "digit_ids_array",
    "find_manifest",
    "fingerprint_parts",
    "fingerprint_record",
    "hash_fractions",
    "images_array",
    "list_datasets",
    "mask_url",
    "one_array",
    "open_place",
    "open_sink",
    "read_labels",
    "read_manifest",
    "read_manifests",
    "read_shard",
    "shard_path",
    "split_keys",
    "training_splits",
    "validate_dataset",
]
