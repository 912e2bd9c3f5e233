namespace Btx.LoadTests.Charts;

/// <summary>Shapes of about equal area about the origin.</summary>
internal static class Markers
{
    private static readonly string[] Paths =
    [
        "M-4.4,0a4.4,4.4 0 1,0 8.8,0a4.4,4.4 0 1,0 -8.8,0Z", // circle
        "M-3.9,-3.9H3.9V3.9H-3.9Z", // square
        "M0,-5.4L5,3.6H-5Z", // triangle
        "M0,-5.6L5.2,0L0,5.6L-5.2,0Z", // diamond
        "M0,5.4L5,-3.6H-5Z", // triangle that points down
        "M-1.7,-5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5V-1.7H-1.7Z", // plus
        "M0,-5.4L1.6,-1.7L5.2,-1.7L2.4,0.9L3.4,4.8L0,2.6L-3.4,4.8L-2.4,0.9L-5.2,-1.7L-1.6,-1.7Z", // star
        "M-5,0L-2.5,-4.4H2.5L5,0L2.5,4.4H-2.5Z", // hexagon
    ];

    /// <summary>No marker reaches further from its point, px.</summary>
    public const double Reach = 6;

    public static int Count => Paths.Length;

    public static string Path(int shape) => Paths[((shape % Count) + Count) % Count];
}
