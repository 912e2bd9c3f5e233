namespace Btx.LoadTests.Planning;

/// <param name="Measured">Tokens a second.</param>
/// <param name="Predicted">Tokens a second.</param>
public sealed record CheckedPoint(string Name, double Measured, double Predicted);
