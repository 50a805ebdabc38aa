//! Reading JSON the way the v1.0 clients write it; each function is for `#[serde(deserialize_with = …)]`,
//! always beside `#[serde(default)]`.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// A text, or a number or boolean taken as its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Text, E> {
                Ok(Text(value.to_owned()))
            }

            fn visit_string<E: de::Error>(self, value: String) -> Result<Text, E> {
                Ok(Text(value))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Text, E> {
                // `1.0` stays `1.0`.
                Ok(Text(format!("{value:?}")))
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// `Option<String>`: a text, a number or a boolean; `null` is `None`.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
}

/// `Vec<String>`: a list of texts; `null` is an empty list. What is inside is as in [`optional_texts`].
pub fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    optional_texts(deserializer).map(Option::unwrap_or_default)
}

/// `Option<Vec<String>>`: a list of texts, where "absent or null" must be told from "empty". A `null` inside it is an empty
/// text: it counts among the items and is refused wherever an empty text is. Were it no item, a list of nulls could be of any
/// length, and an access key allowed from `[null]` would be one allowed from anywhere.
pub fn optional_texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let items = Option::<Vec<Option<Text>>>::deserialize(deserializer)?;
    let item = |item: Option<Text>| item.map_or_else(String::new, |text| text.0);
    Ok(items.map(|items| items.into_iter().map(item).collect()))
}

/// An object. What is derived would be filled from a list too, its members one after the other.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(std::marker::PhantomData))
    }
}

/// `Option<T>`: an object; `null` is `None`.
pub fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|object| object.0))
}

/// `Vec<T>`: a list of objects; `null` is an empty one.
pub fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let items = Option::<Vec<Object<T>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(items.into_iter().map(|item| item.0).collect())
}

/// `Vec<T>`: a list, or one object standing for a list of one (`dstInterface` in every published descriptor).
pub fn one_or_many<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct OneOrMany<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_unit<E: de::Error>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(Object(item)) = items.next_element()? {
                all.push(item);
            }
            Ok(all)
        }

        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
            Ok(vec![T::deserialize(de::value::MapAccessDeserializer::new(map))?])
        }
    }

    deserializer.deserialize_any(OneOrMany(std::marker::PhantomData))
}

/// `Option<i64>`: a whole number or the text of one; `null` and the empty text are `None`.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(Text(text)) = Option::<Text>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(None);
    }
    trimmed
        .parse()
        .map(Some)
        .map_err(|_| de::Error::custom("expected a whole number"))
}

/// `Option<bool>`: a boolean or the text `true` or `false`, whatever the case; `null` and the empty text are `None`.
pub fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let Some(Text(text)) = Option::<Text>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match text.trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(de::Error::custom("expected true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Sample {
        #[serde(deserialize_with = "text")]
        name: Option<String>,
        #[serde(deserialize_with = "texts")]
        ports: Vec<String>,
        #[serde(deserialize_with = "integer")]
        ttl: Option<i64>,
        #[serde(deserialize_with = "boolean")]
        on: Option<bool>,
        #[serde(deserialize_with = "one_or_many")]
        many: Vec<Inner>,
        #[serde(deserialize_with = "object")]
        one: Option<Inner>,
        #[serde(deserialize_with = "list")]
        some: Vec<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Inner {
        x: i64,
    }

    fn read(json: &str) -> Sample {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_and_booleans_are_taken_as_texts() {
        let sample = read(r#"{"name":8080,"ports":[80,"81",true,1.0,null],"extra":{}}"#);
        assert_eq!(sample.name.as_deref(), Some("8080"));
        assert_eq!(sample.ports, ["80", "81", "true", "1.0", ""]);
    }

    #[test]
    fn texts_are_taken_as_numbers_and_booleans() {
        let sample = read(r#"{"ttl":"85000","on":"True"}"#);
        assert_eq!((sample.ttl, sample.on), (Some(85_000), Some(true)));
        assert_eq!(read(r#"{"ttl":7,"on":false}"#).ttl, Some(7));
        assert!(serde_json::from_str::<Sample>(r#"{"ttl":"soon"}"#).is_err());
        assert!(serde_json::from_str::<Sample>(r#"{"on":"yes"}"#).is_err());
    }

    #[test]
    fn null_is_an_empty_list_and_an_object_a_list_of_one() {
        assert!(read(r#"{"ports":null,"many":null}"#).ports.is_empty());
        assert_eq!(read(r#"{"many":{"x":1}}"#).many[0].x, 1);
        assert_eq!(read(r#"{"many":[{"x":1},{"x":2}]}"#).many[1].x, 2);
    }

    #[test]
    fn a_list_is_no_object() {
        for list in [r#"{"many":[[1]]}"#, r#"{"one":[1]}"#, r#"{"some":[[1]]}"#] {
            let wrong = serde_json::from_str::<Sample>(list).unwrap_err().to_string();
            assert!(wrong.contains("expected an object"), "{wrong}");
        }
        let right = read(r#"{"one":{"x":1},"some":[{"x":2}]}"#);
        assert_eq!((right.one.unwrap().x, right.some[0].x), (1, 2));
    }

    #[test]
    fn an_object_is_no_text() {
        assert!(serde_json::from_str::<Sample>(r#"{"name":{}}"#).is_err());
        assert!(serde_json::from_str::<Sample>(r#"{"name":["a"]}"#).is_err());
    }
}
