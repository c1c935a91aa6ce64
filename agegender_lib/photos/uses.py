"""What the numbers must not be used for: said wherever they are shown."""

EXCLUDED_USES = (
    "Estimates of how a face would be labelled, wrong by years and at times in gender: decide nothing about anyone by "
    "them. No age checks, no identification, no surveillance, no inference of gender identity, no commercial use."
)
