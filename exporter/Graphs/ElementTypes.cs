namespace Btx.Exporter.Graphs;

/// <summary>ONNX's numbers for element types (<c>TensorProto.DataType</c>).</summary>
internal static class ElementTypes
{
    public const int Float = 1;
    public const int UInt8 = 2;
    public const int Int32 = 6;
    public const int Int64 = 7;
    public const int Bool = 9;
    public const int Float16 = 10;
    public const int BFloat16 = 16;
}
