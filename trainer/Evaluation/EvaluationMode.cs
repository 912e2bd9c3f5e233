using Btx.Model.Mixing;

namespace Btx.Trainer.Evaluation;

/// <summary>One row of an evaluation: a model, or a way to mix the forest's experts.</summary>
/// <param name="Key">Name in tables and JSON: <c>seed</c>, <c>dense</c>, a compared model's name, <c>moe</c>,
/// <c>expert:NAME</c>, <c>ensemble</c>, <c>top_2</c>, …</param>
/// <param name="Routing">For what the forest or the BTX model does; null for <c>seed</c>, <c>dense</c> and compared models.</param>
public sealed record EvaluationMode(string Key, Routing? Routing)
{
    public const string Seed = "seed";
    public const string Dense = "dense";
    public const string Moe = "moe";

    /// <summary>Whether one model of its own answers: it reads the text itself. The rest follows
    /// from the experts' log-probabilities.</summary>
    public bool IsModel => Routing is null or { Mode: RoutingMode.Moe };
}
