//! What is set on live objects and cannot be said in a spec, in words for `plan`, `drift` and `status`.

/// The names of those settings that are set.
pub(crate) fn settings<const N: usize>(all: [(&str, bool); N]) -> Vec<String> {
    all.into_iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The settings of a part of an object, in one text under the part's name; none where there are none.
pub(crate) fn part(name: &str, settings: &[String]) -> Option<String> {
    (!settings.is_empty()).then(|| format!("{name}: {}", settings.join(", ")))
}

/// Whether a list is there and has something in it: AWS answers empty lists for what is not set.
pub(crate) fn some<T>(list: &[T]) -> bool {
    !list.is_empty()
}
