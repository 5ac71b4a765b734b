//! What the engine has to know of the fields of a kind.

use std::fmt;

use crate::Kind;

/// Something that holds for a field of a spec, and for all that lies in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Cannot change in place: a change replaces the object.
    Immutable,
    /// The cloud never returns it (secrets, switches of the creation). State keeps a fingerprint of it instead of the
    /// value, and it is compared by that. [`crate::Kind::find`] may get a spec without it: it is optional, or has a
    /// default. Only whole fields of a spec.
    WriteOnly,
    /// Says how the object comes into being, and means nothing afterwards (the snapshot that a database begins with):
    /// never compared. Only whole fields of a spec.
    CreateOnly,
    /// What it refers to need only be *accepted*, not *ready*, before this resource is created.
    Accepted,
    /// What it refers to cannot be deleted while this resource still names it.
    Holds,
    /// A map that others may write to as well (tags): only keys of the desired or of the last applied spec are
    /// compared.
    SharedMap,
    /// A map whose keys always have a value in the cloud (attributes): only keys of the desired spec are compared. A key
    /// that is no longer stated keeps its value.
    StatedMap,
    /// A part of the natural name, and usually not taken from another resource: the plan looks for an object of that
    /// name although other fields are still unknown.
    Name,
    /// Of a kind that carries no tags: names what its objects live in (a route's table, an inline policy's role) or
    /// belong to (an alias's key). Where that is this stack's, such an object is too. Everything else that cannot be
    /// tagged is ours by state, journal or import alone, never because its name fits.
    Home,
    /// Of a kind that carries no tags: where its objects lead (a record's target, an alias's key). Before one is
    /// deleted, this is compared with what was last applied: what leads elsewhere now is somebody else's, and is left
    /// alone.
    Leads,
}

/// What a kind states of its fields: JSON pointers into the spec, in which `*` stands for any one segment.
pub type Table = [(&'static str, &'static [Fact])];

/// What is known of the fields of a kind.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, Vec<Fact>)>);

impl Fields {
    /// The fields of a kind.
    #[must_use]
    pub fn of<K: Kind>() -> Self {
        Self::new(K::FIELDS, K::TAGS.filter(|_| K::TAGGED))
    }

    /// What the table says. The user's tags, where there are any, are a map that others may write to.
    #[must_use]
    pub fn new(table: &Table, tags: Option<&str>) -> Self {
        let mut fields: Vec<_> = table
            .iter()
            .map(|(path, facts)| ((*path).to_owned(), facts.to_vec()))
            .collect();
        fields.extend(tags.map(|path| (path.to_owned(), vec![Fact::SharedMap])));
        Self(fields)
    }

    /// Every path that the kind states something of.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(path, _)| path.as_str())
    }

    /// The paths of which this holds, as the kind states them.
    #[must_use]
    pub fn with(&self, fact: Fact) -> Vec<&str> {
        self.stated(fact).collect()
    }

    fn stated(&self, fact: Fact) -> impl Iterator<Item = &str> {
        let fields = self.0.iter();
        fields
            .filter(move |(_, facts)| facts.contains(&fact))
            .map(|(path, _)| path.as_str())
    }

    /// Whether this holds of any field.
    #[must_use]
    pub fn any(&self, fact: Fact) -> bool {
        self.stated(fact).next().is_some()
    }

    /// Whether this is stated of the very field at this path.
    #[must_use]
    pub fn is(&self, path: &str, fact: Fact) -> bool {
        let depth = |path: &str| path.matches('/').count();
        self.stated(fact)
            .any(|stated| depth(stated) == depth(path) && covers(stated, path))
    }

    /// Whether this holds of the field at this path, because it is stated of that field or of what it lies in.
    #[must_use]
    pub fn holds(&self, path: &str, fact: Fact) -> bool {
        self.stated(fact).any(|stated| covers(stated, path))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(path, facts)| (path, facts)))
            .finish()
    }
}

/// Whether the path is the stated one, or lies below it.
fn covers(stated: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    stated.split('/').all(|stated| {
        segments
            .next()
            .is_some_and(|segment| stated == "*" || stated == segment)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_holds_of_what_lies_in_the_field_too() {
        let fields = Fields::new(
            &[
                ("/name", &[Fact::Immutable, Fact::Name]),
                ("/origins/*/id", &[Fact::Immutable]),
            ],
            Some("/tags"),
        );
        assert_eq!(fields.with(Fact::Immutable), ["/name", "/origins/*/id"]);
        assert!(
            fields.holds("/name", Fact::Immutable) && fields.holds("/name/first", Fact::Immutable)
        );
        assert!(
            fields.holds("/origins/app/id", Fact::Immutable)
                && fields.is("/origins/app/id", Fact::Immutable)
        );
        assert!(
            !fields.holds("/origins/app", Fact::Immutable)
                && !fields.holds("/names", Fact::Immutable)
        );
        assert!(fields.is("/tags", Fact::SharedMap) && !fields.is("/tags/team", Fact::SharedMap));
        assert!(fields.any(Fact::Name) && !fields.any(Fact::Home));
    }
}
