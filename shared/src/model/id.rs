//! Ids of tasks; the id of an activity is in `activity`.

/// Defines a type of id: a `UUIDv7` that holds the time of its creation.
macro_rules! of_a_moment {
    ($(#[$doc:meta])* $name:ident, $reason:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new id, unique by its random bits.
            pub fn random(created_at: $crate::model::Moment) -> Self {
                Self($crate::model::activity::random_v7(created_at))
            }
        }

        impl $crate::model::lease::TaskId for $name {
            fn created_at(self) -> Option<$crate::model::Moment> {
                let millis = i64::try_from(self.0.as_u128() >> 80).ok()?;
                $crate::model::Moment::from_millis(millis)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::model::Error;

            fn try_from(text: &str) -> Result<Self, $crate::model::Error> {
                $crate::model::activity::hyphenated_uuid(text)
                    .map(Self)
                    .ok_or_else(|| $crate::model::Error::invalid("id", $reason))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

pub(crate) use of_a_moment;
