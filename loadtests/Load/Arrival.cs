namespace Btx.LoadTests.Load;

/// <summary>When a request is due, and what a trace says of it.</summary>
/// <param name="Due">Seconds since the load began; null: as soon as another has ended (closed loop).</param>
/// <param name="Domain">Null: by the domain mix; so for the lengths.</param>
public readonly record struct Arrival(double? Due, int? PromptTokens = null, int? OutputTokens = null, string? Domain = null);
