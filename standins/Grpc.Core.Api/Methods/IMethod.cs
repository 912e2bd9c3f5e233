namespace Grpc.Core;

/// <summary>A remote method, its message types left open.</summary>
public interface IMethod
{
    MethodType Type { get; }

    string ServiceName { get; }

    string Name { get; }

    /// <summary><c>/service/name</c>, as on the wire.</summary>
    string FullName { get; }
}
