//! The web pages of components, by the names that commands give them.

use platctl_gitops::{Page, all};

pub use platctl_gitops::Login;

/// A page, and where its pods are.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The namespace of its Service.
    pub namespace: &'static str,
    /// The page.
    pub page: Page,
}

/// The page of this name.
///
/// # Errors
/// No page has this name.
pub fn find(name: &str) -> Result<Place, String> {
    let places = || {
        all().iter().flat_map(|component| {
            component.pages.iter().map(|page| Place {
                namespace: component.namespace,
                page: *page,
            })
        })
    };
    places()
        .find(|place| place.page.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = places().map(|place| place.page.name).collect();
            format!(
                "`{name}` is not a page of a component. Specify one of {}",
                names.join(", ")
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_by_name_and_others_are_listed() {
        assert_eq!(find("kibana").unwrap().namespace, "logging");
        let error = find("jenkins").unwrap_err();
        assert!(
            error.contains("argocd") && error.contains("vault"),
            "{error}"
        );
    }
}
