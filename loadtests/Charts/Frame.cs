namespace Btx.LoadTests.Charts;

/// <summary>Where a plot stands in its picture (px), and the scales that place values in it.</summary>
internal sealed record Frame(double Left, double Top, double Width, double Height, Scale Across, Scale Up)
{
    public double Right => Left + Width;

    public double Bottom => Top + Height;

    /// <summary>NaN where the value has no place.</summary>
    public double X(double value) => Left + (Width * Across.Position(value));

    public double Y(double value) => Bottom - (Height * Up.Position(value));

    public bool Holds(double x, double y) =>
        double.IsFinite(x) && double.IsFinite(y) && x >= Left - 0.01 && x <= Right + 0.01 && y >= Top - 0.01 && y <= Bottom + 0.01;
}
