using Btx.Model.Mixing;

namespace Btx.Trainer.Evaluation;

/// <summary>One column of an evaluation: a model, or a way to mix the forest's experts.</summary>
/// <param name="Key">Name in tables and JSON: <c>seed</c>, <c>dense</c>, <c>expert:NAME</c>, <c>ensemble</c>, <c>top_2</c>, <c>average:uniform</c>, …</param>
/// <param name="Routing">For what the forest does; null for <c>seed</c> and <c>dense</c>, which are models of their own.</param>
public sealed record EvaluationMode(string Key, Routing? Routing)
{
    public const string Seed = "seed";
    public const string Dense = "dense";
}
