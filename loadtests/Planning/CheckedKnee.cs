namespace Btx.LoadTests.Planning;

/// <param name="Measured">Requests a second, between <paramref name="Low"/> and <paramref name="High"/>.</param>
/// <param name="Predicted">Requests a second.</param>
public sealed record CheckedKnee(string Name, double Measured, double Low, double High, double Predicted);
