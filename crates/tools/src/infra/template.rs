//! CloudFormation templates as JSON, and what they come to under given parameters.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// Values of parameters by name. What is not in it has its default.
pub(crate) type Parameters = BTreeMap<&'static str, String>;

/// A template, short tags (`!Ref`) written out (`{"Ref": …}`).
pub(crate) struct Template {
    json: Value,
}

impl Template {
    /// Reads one file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// Reads a template's text.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let documents = Yaml::load_from_str(text).context("not YAML")?;
        let [document] = documents.as_slice() else { bail!("not one YAML document") };
        Ok(Self { json: to_json(document)? })
    }

    /// The part at a JSON pointer (RFC 6901), nothing evaluated.
    pub(crate) fn part(&self, pointer: &str) -> Result<&Value> {
        self.json.pointer(pointer).with_context(|| format!("{pointer} is missing"))
    }

    /// The resources of one type, by their logical names.
    pub(crate) fn resources(&self, kind: &str) -> Result<BTreeMap<&str, &Value>> {
        let all = self.part("/Resources")?.as_object().context("Resources is no map")?;
        Ok(all
            .iter()
            .filter(|(_, it)| it["Type"] == kind)
            .map(|(name, it)| (name.as_str(), it))
            .collect())
    }

    /// What a part comes to: references, conditions and alternatives evaluated, and nothing else,
    /// so that a function in an unexpected place is an error and not overlooked.
    pub(crate) fn evaluate(&self, part: &Value, parameters: &Parameters) -> Result<Value> {
        self.present(part, parameters)?.context("the whole part is AWS::NoValue")
    }

    /// `None` where the template says `AWS::NoValue`.
    fn present(&self, part: &Value, parameters: &Parameters) -> Result<Option<Value>> {
        Ok(Some(match part {
            Value::Array(items) => {
                let items: Result<Vec<_>> =
                    items.iter().map(|item| self.present(item, parameters)).collect();
                Value::Array(items?.into_iter().flatten().collect())
            }
            Value::Object(members) => {
                if let Some((name, argument)) = function(members) {
                    return self.call(name, argument, parameters);
                }
                let mut evaluated = Map::new();
                for (name, member) in members {
                    if let Some(value) = self.present(member, parameters)? {
                        evaluated.insert(name.clone(), value);
                    }
                }
                Value::Object(evaluated)
            }
            scalar => scalar.clone(),
        }))
    }

    fn call(&self, name: &str, argument: &Value, parameters: &Parameters) -> Result<Option<Value>> {
        match (name, argument) {
            ("Ref", Value::String(name)) if name == "AWS::NoValue" => Ok(None),
            ("Ref", Value::String(name)) => self.parameter(name, parameters).map(Some),
            ("Fn::If", Value::Array(parts)) => {
                let [Value::String(condition), then, otherwise] = parts.as_slice() else {
                    bail!("an Fn::If has not three parts");
                };
                let condition = self.part(&format!("/Conditions/{condition}"))?;
                let chosen = if self.holds(condition, parameters)? { then } else { otherwise };
                self.present(chosen, parameters)
            }
            _ => bail!("{name} is not expected here"),
        }
    }

    fn parameter(&self, name: &str, parameters: &Parameters) -> Result<Value> {
        if let Some(given) = parameters.get(name) {
            // Whoever misspells a parameter in a test would test the default.
            self.part(&format!("/Parameters/{name}"))?;
            return Ok(json!(given));
        }
        Ok(self.part(&format!("/Parameters/{name}/Default"))?.clone())
    }

    fn holds(&self, condition: &Value, parameters: &Parameters) -> Result<bool> {
        let members = condition.as_object().context("a condition is no function")?;
        match function(members) {
            Some(("Fn::Not", Value::Array(one))) if one.len() == 1 => {
                Ok(!self.holds(&one[0], parameters)?)
            }
            Some(("Fn::Equals", Value::Array(two))) if two.len() == 2 => {
                Ok(self.evaluate(&two[0], parameters)? == self.evaluate(&two[1], parameters)?)
            }
            _ => bail!("a condition has more than Fn::Equals and Fn::Not: {condition}"),
        }
    }
}

/// The function that a map calls, if it is a call.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = members.iter().next().filter(|_| members.len() == 1)?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), argument))
}

fn to_json(node: &Yaml<'_>) -> Result<Value> {
    Ok(match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(to_json).collect::<Result<_>>()?,
        Yaml::Mapping(members) => {
            let mut map = Map::new();
            for (name, value) in members {
                let name = name.as_str().with_context(|| format!("a key is no text: {name:?}"))?;
                let former = map.insert(name.to_owned(), to_json(value)?);
                ensure!(former.is_none(), "{name} is there twice");
            }
            Value::Object(map)
        }
        Yaml::Tagged(tag, argument) => {
            ensure!(tag.handle == "!", "unknown tag {tag:?}");
            let argument = to_json(argument)?;
            let (name, argument) = match (tag.suffix.as_str(), argument) {
                ("Ref", argument) => (Cow::Borrowed("Ref"), argument),
                ("GetAtt", Value::String(path)) => {
                    ("Fn::GetAtt".into(), path.splitn(2, '.').collect())
                }
                (name, argument) => (format!("Fn::{name}").into(), argument),
            };
            json!({ name: argument })
        }
        other => bail!("not supported in a template: {other:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Parameters: {Name: {Type: String, Default: ""}}
Conditions: {HasName: !Not [!Equals [!Ref Name, ""]]}
Resources:
  Thing:
    Type: T
    Properties:
      List: [a, !If [HasName, !Ref Name, !Ref AWS::NoValue]]
      Made: !GetAtt Other.Arn
"#;

    #[test]
    fn short_and_long_forms_of_functions_are_the_same() {
        let short = Template::parse("A: !GetAtt B.C.D\nE: !Ref F").unwrap();
        let long = Template::parse("A: {Fn::GetAtt: [B, C.D]}\nE: {Ref: F}").unwrap();
        assert_eq!(short.json, long.json);
    }

    #[test]
    fn alternatives_follow_their_conditions() {
        let template = Template::parse(TEMPLATE).unwrap();
        let list = template.part("/Resources/Thing/Properties/List").unwrap();
        let without = template.evaluate(list, &Parameters::new()).unwrap();
        assert_eq!(without, json!(["a"]));
        let with = Parameters::from([("Name", "b".to_owned())]);
        assert_eq!(template.evaluate(list, &with).unwrap(), json!(["a", "b"]));
    }

    #[test]
    fn what_cannot_be_evaluated_is_an_error() {
        let template = Template::parse(TEMPLATE).unwrap();
        let made = template.part("/Resources/Thing/Properties/Made").unwrap();
        assert!(template.evaluate(made, &Parameters::new()).is_err());
        let misspelt = Parameters::from([("Nmae", "b".to_owned())]);
        assert!(template.evaluate(&json!({ "Ref": "Nmae" }), &misspelt).is_err());
    }

    #[test]
    fn a_key_that_is_there_twice_is_an_error() {
        assert!(Template::parse("A: 1\nA: 2").is_err());
        assert!(Template::parse("A: {B: 1, B: 2}").is_err());
    }
}
